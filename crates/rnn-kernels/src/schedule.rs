//! Distribution of the work over threads: shards of the batch, teams of threads, and chunks of time steps.

use crate::plan::{Layout, Panels, Plan, Shard};
use crate::threads::{ThreadPool, for_each_once};
use crate::tuning::*;

impl Plan {
    /// Splits the batch. Sample-major: the same number of shards for each thread. Feature-major: shards as wide as a
    /// panel.
    pub(crate) fn shards(&self, threads: usize) -> Vec<Shard> {
        let (count, size): (usize, _) = match self.layout {
            Layout::SampleMajor => {
                let large = self.layer_weights() > CACHED_WEIGHTS;
                let max_shard = if large { MAX_SHARD_LARGE_WEIGHTS } else { MAX_SHARD };
                let per_thread = self.batch.div_ceil(max_shard).div_ceil(threads.max(1));
                ((per_thread * threads).clamp(1, self.batch), None)
            }
            Layout::FeatureMajor => {
                let size = self.padded(self.batch.div_ceil(MIN_FEATURE_MAJOR_SHARDS)).min(self.kernels.panel_width);
                (self.batch.div_ceil(size), Some(size))
            }
        };
        let start = |i: usize| size.map_or(self.batch * i / count, |size| (size * i).min(self.batch));
        (0..count)
            .map(|i| (start(i), start(i + 1) - start(i)))
            .map(|(first, count)| Shard { first, count, padded: self.padded(count) })
            .collect()
    }

    /// The whole batch as one shard, in the sample-major layout.
    pub(crate) fn whole_batch(&self) -> Shard {
        Shard { first: 0, count: self.batch, padded: 0 }
    }

    /// How many of `threads` threads have enough work.
    pub(crate) fn useful_threads(&self, threads: usize) -> usize {
        let config = &self.config;
        let gates = config.cell.gate_blocks() * config.hidden_size;
        let layer_cost = |layer| gates * (config.layer_input_size(layer) + config.hidden_size + NONLINEARITY_COST);
        let step_cost: usize = (0..config.num_layers).map(layer_cost).sum();
        let work = [self.batch, config.directions(), step_cost].into_iter().fold(self.steps, usize::saturating_mul);
        threads.min(work / MIN_THREAD_WORK).max(1)
    }

    /// Number of time steps whose d gates a backward pass keeps. If the weight gradients of a thread fit into its
    /// cache, it is a short chunk, which is added to them at once. Otherwise it is all steps.
    pub(crate) fn chunk(&self, threads: usize) -> usize {
        let large = self.layer_weights() > CACHED_GRADIENTS;
        if self.layout == Layout::FeatureMajor || large || self.needs_team(threads) {
            return self.steps;
        }
        let rows = self.shards(threads).first().map_or(1, |shard| shard.count);
        CHUNK_ROWS.div_ceil(rows).min(self.steps)
    }

    /// Whether threads share the columns of each step instead of the batch: with few sequences, and steps that are
    /// longer than the synchronisation after each of them.
    fn needs_team(&self, threads: usize) -> bool {
        let weights = self.config.cell.gates() * self.config.hidden_size * self.config.hidden_size;
        let few = self.batch < threads && weights >= MIN_TEAM_WEIGHTS;
        let few_per_thread =
            self.batch < MIN_SAMPLES_PER_THREAD.saturating_mul(threads) && threads <= self.panels().end;
        self.layout == Layout::SampleMajor && threads > 1 && (few || few_per_thread && weights > CACHED_WEIGHTS)
    }
}

/// The threads that share the columns of each step of a shard: one thread, or a team on a pool.
#[derive(Clone, Copy)]
pub(crate) struct Team<'a>(pub Option<&'a dyn ThreadPool>);

impl Team<'_> {
    /// Divides the column panels of h among the members and calls `work` on each member.
    pub(crate) fn split_panels(self, plan: &Plan, work: impl Fn(Panels) + Sync) {
        let all = plan.panels();
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

/// Runs every shard: on each of `threads` threads several shards in sequence, or the whole batch with a team. Returns
/// the number of threads that had shards.
pub(crate) fn run_shards(
    plan: &Plan,
    threads: usize,
    pool: &dyn ThreadPool,
    run: impl Fn(ShardTask<'_>) + Sync,
) -> usize {
    if plan.needs_team(threads) {
        run(ShardTask { shard: &plan.whole_batch(), team: Team(Some(pool)), thread: 0, first: true });
        return 1;
    }
    let shards = plan.shards(threads);
    let threads = threads.min(shards.len());
    let run_thread = |thread: usize| {
        let own = &shards[shards.len() * thread / threads..shards.len() * (thread + 1) / threads];
        for (i, shard) in own.iter().enumerate() {
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
