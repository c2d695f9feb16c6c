//! Threads are the caller's: the kernels say what can run side by side.

use std::sync::atomic::{AtomicU64, Ordering};

/// A pool of threads. One that leaves out tasks or repeats them gives wrong numbers, and an error nowhere; it cannot make the
/// kernels unsound.
pub trait Parallel: Sync {
    /// How many tasks run at once.
    fn threads(&self) -> usize;

    /// Calls `task(0)`, .., `task(tasks - 1)`, each once, in any order and on any thread, and returns when all are done.
    fn for_each(&self, tasks: usize, task: &(dyn Fn(usize) + Sync));
}

/// One thread: the caller's.
#[derive(Debug, Clone, Copy)]
pub struct Serial;

impl Parallel for Serial {
    fn threads(&self) -> usize {
        1
    }

    fn for_each(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        (0..tasks).for_each(task);
    }
}

/// Runs tasks on `pool`, each at most once: tasks write shared workspace, so a pool that repeats one must not start it again.
pub(crate) fn for_each(pool: &dyn Parallel, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
    const BITS: usize = u64::BITS as usize;
    let few = [const { AtomicU64::new(0) }; 2];
    let many: Vec<AtomicU64>;
    let started: &[AtomicU64] = if tasks <= few.len() * BITS {
        &few
    } else {
        many = (0..tasks.div_ceil(BITS)).map(|_| AtomicU64::new(0)).collect();
        &many
    };
    pool.for_each(tasks, &|i| {
        let bit = 1 << (i % BITS);
        if i < tasks && started[i / BITS].fetch_or(bit, Ordering::Relaxed) & bit == 0 {
            task(i);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls each task twice, and one that is none.
    struct Stutter;

    impl Parallel for Stutter {
        fn threads(&self) -> usize {
            2
        }

        fn for_each(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
            std::thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| (0..=tasks).for_each(task));
                }
            });
        }
    }

    #[test]
    fn a_task_runs_once_whatever_the_pool_does() {
        for tasks in [0, 1, 5, 128, 129, 1000] {
            let runs: Vec<AtomicU64> = (0..tasks).map(|_| AtomicU64::new(0)).collect();
            for_each(&Stutter, tasks, &|i| {
                runs[i].fetch_add(1, Ordering::Relaxed);
            });
            assert!(runs.into_iter().all(|count| count.into_inner() == 1), "{tasks} tasks");
        }
    }
}
