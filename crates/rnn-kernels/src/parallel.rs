//! Threads are the caller's: the kernels say what can run side by side.

/// A pool of threads.
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
