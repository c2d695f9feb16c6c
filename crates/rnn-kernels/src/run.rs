//! Packing, and shards on threads.

use crate::arrange::Arrange;
use crate::backward::{BackwardIo, BackwardPass};
use crate::error::Result;
use crate::forward::Team;
use crate::gradients::Sums;
use crate::layout::{Layout, Shard};
use crate::parallel::{self, Parallel};
use crate::parameters::by_direction;

/// Packs the weights of every layer and direction, side by side.
pub(crate) fn pack_forward<A: Arrange>(
    layout: &Layout,
    parameters: &[&[f32]],
    pool: &dyn Parallel,
) -> Result<Vec<A::Forward>> {
    let parameters = by_direction(&layout.config, parameters)?;
    let layer = |row| row / layout.config.directions();
    let packed = (0..parameters.len()).map(|row| A::forward_weights(layout, layer(row))).collect::<Result<Vec<_>>>()?;
    for_each(pool, layout, packed.len(), |row| A::fill_forward(layout, layer(row), &packed[row], &parameters[row]));
    Ok(packed)
}

/// Walks a tape back, and computes the gradients of the parameters.
pub(crate) fn walk_back<A: Arrange>(
    parameters: &[&[f32]],
    io: &BackwardIo,
    sums: &Sums<'_>,
    pool: &dyn Parallel,
) -> Result<()> {
    let Sums { layout, activations, gradients, .. } = *sums;
    let parameters = by_direction(&layout.config, parameters)?;
    let layer = |row| row / layout.config.directions();
    let weights =
        (0..parameters.len()).map(|row| A::backward_weights(layout, layer(row))).collect::<Result<Vec<_>>>()?;
    for_each(pool, layout, weights.len(), |row| A::fill_backward(layout, layer(row), &weights[row], &parameters[row]));
    let pass = BackwardPass::<A> { layout, weights: &weights, activations, gradients, io, sums };
    let threads = layout.useful_threads(pool.threads());
    if !gradients.in_chunks(layout) || sums.wanted.is_empty() {
        // SAFETY: the slices were checked, and the shards are disjoint.
        run_shards(layout, pool, |shard, team, _, _| unsafe { pass.run(shard, team, None, false) });
        return sums.compute_all(threads, pool);
    }
    let partials = (0..threads).map(|_| sums.partial()).collect::<Result<Vec<_>>>()?;
    let used = run_shards(layout, pool, |shard, team, thread, first| {
        // SAFETY: as above; every thread has sums of its own.
        unsafe { pass.run(shard, team, Some(&partials[thread]), first) };
    });
    for_each(pool, layout, parameters.len(), |row| {
        // SAFETY: all shards are back, and every layer and direction has one thread.
        unsafe { sums.finish(&partials[..used], row) };
    });
    Ok(())
}

/// Works on layers and directions, side by side if that is worth it.
fn for_each(pool: &dyn Parallel, layout: &Layout, count: usize, work: impl Fn(usize) + Sync) {
    if count > 1 && layout.config.hidden_size * layout.config.hidden_size >= WORTH_SHARING {
        parallel::for_each(pool, count, &work);
    } else {
        (0..count).for_each(work);
    }
}

/// Numbers of a weight from which on a second thread works on the next one meanwhile.
const WORTH_SHARING: usize = 4096;

/// Runs every shard: each thread some, one after the other; or the whole batch by itself with a team of threads, where that
/// is quicker. `run` is told its thread, and whether the shard is the first that this thread runs. Returns how many threads had
/// shards.
pub(crate) fn run_shards(
    layout: &Layout,
    pool: &dyn Parallel,
    run: impl Fn(&Shard, Team<'_>, usize, bool) + Sync,
) -> usize {
    let threads = layout.useful_threads(pool.threads());
    if layout.needs_team(threads) {
        run(&layout.whole(), Team(Some(pool)), 0, true);
        return 1;
    }
    let shards = layout.shards(threads);
    let threads = threads.min(shards.len());
    let share = |thread: usize| {
        let mine = &shards[shards.len() * thread / threads..shards.len() * (thread + 1) / threads];
        for (i, shard) in mine.iter().enumerate() {
            run(shard, Team(None), thread, i == 0);
        }
    };
    if threads == 1 {
        share(0)
    } else {
        parallel::for_each(pool, threads, &share)
    }
    threads
}
