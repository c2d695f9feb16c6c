//! Threads. The crate starts none: the caller passes a [`ThreadPool`].

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::error::Result;

/// The caller's thread pool.
///
/// A pool that skips or repeats tasks causes wrong numbers without an error. It cannot cause undefined behaviour.
pub trait ThreadPool: Sync {
    /// How many tasks run at the same time.
    fn threads(&self) -> usize;

    /// Calls `task(0)`, .., `task(tasks - 1)`, each once, in any order and on any thread. Returns when all calls have
    /// returned.
    fn for_each(&self, tasks: usize, task: &(dyn Fn(usize) + Sync));
}

/// Runs everything on the calling thread.
#[derive(Debug, Clone, Copy)]
pub struct Serial;

impl ThreadPool for Serial {
    fn threads(&self) -> usize {
        1
    }

    fn for_each(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        (0..tasks).for_each(task);
    }
}

/// Runs each task at most once, even if the pool repeats one: two runs of one task would write the same memory at the
/// same time.
pub(crate) fn for_each_once(pool: &dyn ThreadPool, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
    let started: Vec<AtomicBool> = (0..tasks).map(|_| AtomicBool::new(false)).collect();
    pool.for_each(tasks, &|i| {
        if started.get(i).is_some_and(|started| !started.swap(true, Ordering::Relaxed)) {
            task(i);
        }
    });
}

/// Runs `task(i, thread)` for each `i` below `tasks`, each at most once, on `threads` threads of the pool. A thread that has
/// finished a task takes the next one. `thread` is below `threads`, and tasks that run at the same time have different
/// ones.
pub(crate) fn for_each_dynamic(
    pool: &dyn ThreadPool,
    threads: usize,
    tasks: usize,
    task: &(dyn Fn(usize, usize) + Sync),
) {
    let (threads, next) = (threads.min(tasks), AtomicUsize::new(0));
    let run_thread = |thread: usize| {
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            if i >= tasks {
                break;
            }
            task(i, thread);
        }
    };
    match threads {
        0 | 1 => run_thread(0),
        _ => for_each_once(pool, threads, &run_thread),
    }
}

/// Computes `f(0)`, .., `f(count - 1)` on the pool.
pub(crate) fn map<T: Send + Sync>(
    pool: &dyn ThreadPool,
    count: usize,
    f: impl Fn(usize) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let results: Vec<OnceLock<Result<T>>> = (0..count).map(|_| OnceLock::new()).collect();
    pool.for_each(count, &|i| {
        if let Some(result) = results.get(i) {
            result.get_or_init(|| f(i));
        }
    });
    // A task that the pool skipped runs here.
    results.into_iter().enumerate().map(|(i, result)| result.into_inner().unwrap_or_else(|| f(i))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls each task twice, and one task that does not exist.
    struct Repeating;

    impl ThreadPool for Repeating {
        fn threads(&self) -> usize {
            2
        }

        fn for_each(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
            if cfg!(target_family = "wasm") {
                return [0, 1].into_iter().for_each(|_| (0..=tasks).for_each(task)); // without threads
            }
            std::thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| (0..=tasks).for_each(task));
                }
            });
        }
    }

    /// Calls no task.
    struct Skipping;

    impl ThreadPool for Skipping {
        fn threads(&self) -> usize {
            2
        }

        fn for_each(&self, _tasks: usize, _task: &(dyn Fn(usize) + Sync)) {}
    }

    #[test]
    fn a_task_runs_once_even_if_the_pool_repeats_it() {
        for tasks in [0, 1, 5, 100] {
            let runs: Vec<AtomicUsize> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
            for_each_once(&Repeating, tasks, &|i| {
                runs[i].fetch_add(1, Ordering::Relaxed);
            });
            assert!(runs.into_iter().all(|count| count.into_inner() == 1), "{tasks} tasks");
        }
    }

    #[test]
    fn tasks_at_the_same_time_run_on_different_threads() {
        for tasks in [0, 1, 5, 100] {
            let runs: Vec<AtomicUsize> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
            let busy = [const { AtomicBool::new(false) }; 3];
            for_each_dynamic(&Repeating, 3, tasks, &|i, thread| {
                assert!(!busy[thread].swap(true, Ordering::Relaxed), "two tasks on thread {thread}");
                runs[i].fetch_add(1, Ordering::Relaxed);
                busy[thread].store(false, Ordering::Relaxed);
            });
            assert!(runs.into_iter().all(|count| count.into_inner() == 1), "{tasks} tasks");
        }
    }

    #[test]
    fn map_returns_every_result_whatever_the_pool_does() {
        for pool in [&Serial as &dyn ThreadPool, &Repeating, &Skipping] {
            assert_eq!(map(pool, 5, |i| Ok(i * i)), Ok(vec![0, 1, 4, 9, 16]));
        }
    }
}
