//! How sequences lie in the workspace: two arrangements of the same numbers.
//!
//! - **Rows**: a sample is a row, its features lie along the vectors, padded to a whole number of them. A step multiplies
//!   rows of h by packed weights. For networks of some width.
//! - **Lanes**: a feature is a row, and the samples of a block lie along the vectors. A step multiplies the weights, as
//!   they are, by a block. For networks so narrow that their features would not fill vectors.
//!
//! In both, a piece of the batch is a sequence of matrices, one for each step.

use crate::cells::Block;
use crate::config::Config;
use crate::isa::Kernels;

/// A matrix for each step: `step` numbers apart, with rows `row` numbers apart.
#[derive(Clone, Copy)]
pub(crate) struct Seq {
    pub at: *mut f32,
    pub step: usize,
    pub row: usize,
}

impl Seq {
    /// The matrix of a step.
    pub(crate) fn block(self, step: usize) -> Block {
        Block { at: self.at.wrapping_add(step * self.step), row: self.row }
    }

    /// The same steps, `offset` numbers further.
    pub(crate) fn offset(self, offset: usize) -> Seq {
        Seq { at: self.at.wrapping_add(offset), ..self }
    }
}

// SAFETY: an address; who dereferences it promises that no two threads clash.
unsafe impl Send for Seq {}
// SAFETY: as above.
unsafe impl Sync for Seq {}

/// What a sample has at each step: `groups` times `size` features. The output of a bidirectional layer has two groups.
#[derive(Clone, Copy)]
pub(crate) struct Features {
    pub groups: usize,
    pub size: usize,
}

impl Features {
    pub(crate) fn new(groups: usize, size: usize) -> Features {
        Features { groups, size }
    }

    /// All features.
    pub(crate) fn count(self) -> usize {
        self.groups * self.size
    }
}

/// A piece of the batch that runs through all steps and layers by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shard {
    /// The first sample.
    pub first: usize,
    /// How many samples.
    pub count: usize,
    /// Samples with the padding, in Lanes.
    pub width: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrangement {
    Rows,
    Lanes,
}

/// The widest hidden size for which Lanes is quicker than Rows.
const NARROW: usize = 32;

/// Numbers in W_hh from which on threads that have no sequence of their own share the columns of a step.
const TEAM_STEP: usize = 100_000;

/// Samples for each thread below which threads share the columns of a step whose W_hh does not stay in the cache: their parts of it do.
const TEAM_ROWS: usize = 16;

/// Samples of a shard in Rows, at most: its steps stay in the cache.
const MOST_ROWS: usize = 64;

/// The same where the weights of a layer do not stay in the cache: more rows share what has to be fetched again at each step.
const MOST_WIDE_ROWS: usize = 128;

/// Numbers of a layer's weights that stay in the second-level cache: 1 MiB.
const CACHED_WEIGHTS: usize = 1 << 18;

/// Shards in Lanes, at least, if every one has a whole vector. The number of threads must not change the bits of the sums over
/// shards, so it is not asked.
const LEAST_SHARDS: usize = 2;

/// Steps times samples of d gates that are added to the sums of the parameters' gradients at a time.
const CHUNK_ROWS: usize = 144;

/// Numbers in the sums of a layer's gradients that a thread may keep beside its chunk: 1 MiB.
const CACHED_SUMS: usize = 1 << 18;

/// Multiply-adds that a thread should have to do, a few times as long as it takes to start.
const THREAD_WORK: usize = 250_000;

/// What a nonlinearity costs, in multiply-adds.
const NONLINEARITY: usize = 10;

impl Arrangement {
    /// The quicker one.
    pub(crate) fn choose(config: &Config, batch: usize, kernels: &Kernels) -> Arrangement {
        if config.hidden_size <= NARROW && batch >= kernels.lanes { Arrangement::Lanes } else { Arrangement::Rows }
    }
}

/// The sizes of a call, and where things lie.
#[derive(Clone)]
pub(crate) struct Layout {
    pub config: Config,
    pub kernels: &'static Kernels,
    pub arrangement: Arrangement,
    pub steps: usize,
    pub batch: usize,
}

impl Layout {
    /// The features of the output of a layer.
    pub(crate) fn output(&self) -> Features {
        Features::new(self.config.directions(), self.config.hidden_size)
    }

    /// What `layer` reads.
    pub(crate) fn input(&self, layer: usize) -> Features {
        if layer == 0 { Features::new(1, self.config.input_size) } else { self.output() }
    }

    /// A layer's state.
    pub(crate) fn state(&self) -> Features {
        Features::new(1, self.config.hidden_size)
    }

    /// The blocks of gates of a layer and direction.
    pub(crate) fn gates(&self) -> Features {
        Features::new(self.config.cell.blocks(), self.config.hidden_size)
    }

    /// `n` rounded up to whole vectors.
    pub(crate) fn pad(&self, n: usize) -> usize {
        n.next_multiple_of(self.kernels.lanes)
    }

    /// From a row to the next in Rows. Distances of many cache lines that are a power of two would make rows compete for
    /// the same places in the cache; one more vector spreads them.
    fn row(&self, features: Features) -> usize {
        let row = features.groups * self.pad(features.size);
        if row >= 64 && (row / self.kernels.lanes).is_multiple_of(2) { row + self.kernels.lanes } else { row }
    }

    /// Cuts the batch into pieces: in Rows as many for each thread, in Lanes blocks of a panel's width.
    pub(crate) fn shards(&self, threads: usize) -> Vec<Shard> {
        let (count, size): (usize, _) = match self.arrangement {
            Arrangement::Rows => {
                let most = if self.layer_weights() > CACHED_WEIGHTS { MOST_WIDE_ROWS } else { MOST_ROWS };
                let each = self.batch.div_ceil(most).div_ceil(threads.max(1)); // shards for each thread
                ((each * threads).clamp(1, self.batch), None)
            }
            Arrangement::Lanes => {
                let size = self.pad(self.batch.div_ceil(LEAST_SHARDS)).min(self.kernels.panel);
                (self.batch.div_ceil(size), Some(size))
            }
        };
        let cut = |i: usize| size.map_or(self.batch * i / count, |size| (size * i).min(self.batch));
        (0..count)
            .map(|i| (cut(i), cut(i + 1) - cut(i)))
            .map(|(first, count)| Shard { first, count, width: self.pad(count) })
            .collect()
    }

    /// How many threads are worth their start.
    pub(crate) fn useful_threads(&self, threads: usize) -> usize {
        let config = &self.config;
        let gates = config.cell.blocks() * config.hidden_size;
        let products = |layer| gates * (config.layer_input(layer) + config.hidden_size + NONLINEARITY);
        let step: usize = (0..config.num_layers).map(products).sum();
        let work = self.steps * self.batch * config.directions() * step;
        threads.min(work / THREAD_WORK).max(1)
    }

    /// After how many steps of the walk back their d gates can be forgotten: as many as there are unless a thread's sums of
    /// the gradients of the parameters fit into its cache.
    pub(crate) fn chunk(&self, threads: usize) -> usize {
        let sums = self.layer_weights();
        if self.arrangement == Arrangement::Lanes || sums > CACHED_SUMS || self.needs_team(threads) {
            return self.steps;
        }
        let rows = self.shards(threads).first().map_or(1, |shard| shard.count);
        CHUNK_ROWS.div_ceil(rows).min(self.steps)
    }

    /// Numbers in the weights of a direction of the layer that has the most.
    fn layer_weights(&self) -> usize {
        let config = &self.config;
        let inputs = (0..config.num_layers).map(|layer| config.layer_input(layer) + config.hidden_size).max();
        config.cell.gates() * config.hidden_size * inputs.unwrap_or(0)
    }

    /// Whether threads had better share the columns of each step than the batch: with few sequences, and steps that are worth
    /// waiting for each other.
    pub(crate) fn needs_team(&self, threads: usize) -> bool {
        let step = self.config.cell.gates() * self.config.hidden_size * self.config.hidden_size;
        let few = self.batch < threads && step >= TEAM_STEP;
        let wide = self.batch < TEAM_ROWS * threads && step > CACHED_WEIGHTS && threads <= self.panels();
        self.arrangement == Arrangement::Rows && threads > 1 && (few || wide)
    }

    /// Panels of h's columns.
    pub(crate) fn panels(&self) -> usize {
        self.pad(self.config.hidden_size).div_ceil(self.kernels.panel)
    }

    /// The batch in one piece, in Rows.
    pub(crate) fn whole(&self) -> Shard {
        Shard { first: 0, count: self.batch, width: 0 }
    }

    /// Numbers that `features` take over `steps` steps, for the whole batch.
    pub(crate) fn len(&self, features: Features, steps: usize) -> usize {
        match self.arrangement {
            Arrangement::Rows => steps * self.batch * self.row(features),
            Arrangement::Lanes => steps * features.count() * self.pad(self.batch),
        }
    }

    /// Where they lie for a shard, in a buffer of [`len`](Self::len) numbers that starts at `start`.
    pub(crate) fn seq(&self, start: *mut f32, features: Features, steps: usize, shard: &Shard) -> Seq {
        match self.arrangement {
            Arrangement::Rows => {
                let row = self.row(features);
                Seq { at: start.wrapping_add(shard.first * row), step: self.batch * row, row }
            }
            Arrangement::Lanes => Seq {
                at: start.wrapping_add(shard.first * steps * features.count()),
                step: features.count() * shard.width,
                row: shard.width,
            },
        }
    }

    /// From a group of features to the next, in either arrangement.
    pub(crate) fn group(&self, size: usize, shard: &Shard) -> usize {
        match self.arrangement {
            Arrangement::Rows => self.pad(size),
            Arrangement::Lanes => size * shard.width,
        }
    }

    /// Rows and columns of the matrix of a step.
    pub(crate) fn matrix(&self, features: Features, shard: &Shard) -> (usize, usize) {
        match self.arrangement {
            Arrangement::Rows => (shard.count, features.groups * self.pad(features.size)),
            Arrangement::Lanes => (features.count(), shard.width),
        }
    }

    /// Rows and columns of a step of a cell.
    pub(crate) fn cell(&self, shard: &Shard) -> (usize, usize) {
        self.matrix(self.state(), shard)
    }
}
