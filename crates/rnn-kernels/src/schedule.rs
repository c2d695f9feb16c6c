//! Distribution of the work over threads: shards of the batch, teams of threads, and chunks of time steps.

use crate::batch::BatchShape;
use crate::config::Config;
use crate::kernels::instruction_set::Kernels;
use crate::plan::{Layout, Panels, Plan};
use crate::shard::Shard;
use crate::threads::{ThreadPool, for_each_once};
use crate::tuning::*;

impl Plan {
    /// A plan without shards, for packing weights.
    pub(crate) fn without_shards(config: Config, kernels: &'static Kernels, shape: BatchShape) -> Plan {
        let layout = Layout::choose(&config, &shape, kernels);
        Plan { config, kernels, layout, shape, team: false, shards: Vec::new() }
    }

    /// The plan of a call for this many threads. The lengths of the caller's slices were checked for this shape, so
    /// lists of all sequences and of all steps fit into memory.
    pub(crate) fn new(config: Config, kernels: &'static Kernels, shape: BatchShape, threads: usize) -> Plan {
        let mut plan = Plan::without_shards(config, kernels, shape);
        let threads = plan.useful_threads(threads);
        plan.team = plan.needs_team(threads);
        let starts = if plan.team { vec![0] } else { plan.shard_starts(threads) };
        plan.shards = Shard::cut(&plan.shape, &starts, |count| plan.padded(count));
        plan
    }

    /// Splits the batch: the first sample of each shard. Sample-major: the same number of shards for each thread, with
    /// about the same number of rows. Feature-major: shards as wide as a panel.
    fn shard_starts(&self, threads: usize) -> Vec<usize> {
        let batch = self.shape.batch;
        if self.layout == Layout::FeatureMajor {
            let size = self.padded(batch.div_ceil(MIN_FEATURE_MAJOR_SHARDS)).min(self.kernels.panel_width);
            return (0..batch).step_by(size).collect();
        }
        let max_shard = if self.layer_weights() > CACHED_WEIGHTS { MAX_SHARD_LARGE_WEIGHTS } else { MAX_SHARD };
        let per_thread = batch.div_ceil(max_shard).div_ceil(threads.max(1));
        let count = (per_thread * threads).clamp(1, batch);
        if self.shape.offsets().is_none() {
            return (0..count).map(|i| batch * i / count).collect();
        }
        let (mut starts, mut rows) = (vec![0], 0);
        for sample in 0..batch {
            let length = self.shape.length(sample);
            if self.equal_part(rows, length, count) >= starts.len() && sample > 0 {
                starts.push(sample);
            }
            rows += length;
        }
        starts
    }

    /// If all rows are divided into `parts` equal parts: the part of the middle one of `count` rows, which start at
    /// `first`.
    fn equal_part(&self, first: usize, count: usize, parts: usize) -> usize {
        let middle = (2 * first as u64 + count as u64) * parts as u64 / (2 * self.shape.rows as u64);
        (middle as usize).min(parts - 1)
    }

    /// How many of `threads` threads have enough work.
    pub(crate) fn useful_threads(&self, threads: usize) -> usize {
        let config = &self.config;
        let gates = config.cell.gate_blocks() * config.hidden_size;
        let layer_cost = |layer| {
            let inputs = config.layer_input_size(layer) + config.state_size() + NONLINEARITY_COST;
            gates * inputs + config.proj_size * config.hidden_size
        };
        let step_cost: usize = (0..config.num_layers).map(layer_cost).sum();
        let work = [config.directions(), step_cost].into_iter().fold(self.shape.rows, usize::saturating_mul);
        threads.min(work / MIN_THREAD_WORK).max(1)
    }

    /// Whether the backward pass adds each chunk of d gates to the weight gradients of its thread, because those fit
    /// into the thread's cache. Otherwise it keeps the d gates of all steps.
    pub(crate) fn in_chunks(&self) -> bool {
        let small = self.layer_weights() <= CACHED_GRADIENTS && !self.team;
        let several = self.shards.iter().any(|shard| shard.all_rows() > CHUNK_ROWS);
        self.layout == Layout::SampleMajor && small && several
    }

    /// Whether threads share the columns of each step instead of the batch: with few sequences, and steps that are
    /// longer than the synchronisation after each of them.
    fn needs_team(&self, threads: usize) -> bool {
        let (weights, batch) =
            (self.config.cell.gates() * self.config.hidden_size * self.config.state_size(), self.shape.batch);
        let few = batch < threads && weights >= MIN_TEAM_WEIGHTS;
        let few_per_thread =
            batch < MIN_SAMPLES_PER_THREAD.saturating_mul(threads) && threads <= self.cell_panels().end;
        self.layout == Layout::SampleMajor && threads > 1 && (few || few_per_thread && weights >= CACHED_WEIGHTS)
    }
}

/// The threads that share the columns of each step of a shard: one thread, or a team on a pool.
#[derive(Clone, Copy)]
pub(crate) struct Team<'a>(pub Option<&'a dyn ThreadPool>);

impl Team<'_> {
    /// Divides column panels among the members and calls `work` on each member.
    pub(crate) fn split_panels(self, all: Panels, work: impl Fn(Panels) + Sync) {
        match self.0 {
            None => work(all),
            Some(pool) => {
                let members = pool.threads().clamp(1, all.end);
                let part = |i| Panels { start: all.end * i / members, end: all.end * (i + 1) / members };
                for_each_once(pool, members, &|i| work(part(i)));
            }
        }
    }
}

/// A shard, and the thread that runs it.
pub(crate) struct ShardTask<'a> {
    pub shard: &'a Shard,
    pub team: Team<'a>,
    /// Index of the thread, below the number of threads.
    pub thread: usize,
    /// Whether this is the first shard that the thread runs.
    pub first: bool,
}

/// Runs every shard: on each of at most `threads` threads several shards in sequence, or the whole batch with a team.
/// Returns the number of threads that had shards.
pub(crate) fn run_shards(
    plan: &Plan,
    threads: usize,
    pool: &dyn ThreadPool,
    run: impl Fn(ShardTask<'_>) + Sync,
) -> usize {
    let shards = &plan.shards;
    if plan.team {
        run(ShardTask { shard: &shards[0], team: Team(Some(pool)), thread: 0, first: true });
        return 1;
    }
    let threads = threads.min(shards.len());
    // Threads get shards with about the same number of rows.
    let thread_of = |shard: &Shard| plan.equal_part(shard.start, shard.all_rows(), threads);
    let run_thread = |thread: usize| {
        let own = shards.iter().filter(|shard| thread_of(shard) == thread);
        for (i, shard) in own.enumerate() {
            run(ShardTask { shard, team: Team(None), thread, first: i == 0 });
        }
    };
    if threads == 1 {
        run_thread(0);
    } else {
        for_each_once(pool, threads, &run_thread);
    }
    threads
}
