//! Rust code on libtorch's own threads.
//!
//! libtorch has a pool of threads (OpenMP's on Linux) for its own operations, and idle OpenMP threads spin-wait. A second
//! pool (rayon, `std::thread`) would compete with it for the same cores. [`for_each`] starts in a microsecond or two.
//! `tch::set_num_threads` sets the number of threads for both.
//!
//! ```
//! use std::sync::Mutex;
//! use torch_ext::parallel;
//!
//! # fn main() -> torch_ext::Result<()> {
//! let numbers: Vec<u64> = (0..1000).collect();
//! let threads = parallel::num_threads();
//! let sums: Vec<_> = (0..threads).map(|_| Mutex::new(0)).collect();
//! parallel::for_each(threads, |task| {
//!     let part = numbers.iter().skip(task).step_by(threads);
//!     *sums[task].lock().unwrap() = part.sum::<u64>();
//! })?;
//! let sum: u64 = sums.into_iter().map(|sum| sum.into_inner().unwrap()).sum();
//! assert_eq!(sum, 499_500);
//! # Ok(()) }
//! ```

use std::ffi::c_void;
use std::sync::{Mutex, PoisonError};

use crate::error::{Error, Result};
use crate::ffi;

/// The number of threads that [`for_each`] would use now: `torch.get_num_threads()`, and 1 inside a task.
///
/// At least 1. `tch::set_num_threads` or the environment variable `OMP_NUM_THREADS` sets it.
pub fn num_threads() -> usize {
    // SAFETY: the function has no arguments and throws no exceptions.
    unsafe { ffi::te_num_threads() }.max(1)
}

/// Calls `f(0)`, .., `f(tasks - 1)`, each once, on libtorch's threads and the calling thread. Returns after all have ended.
///
/// Each of the [`num_threads`] threads gets one contiguous range of tasks, the same one at every call. So use as many
/// tasks as there are threads, or many more of about equal size. A call inside a task runs its tasks one after the other.
/// `f` must not call tensor operations: libtorch's thread-local settings, such as gradient mode, are not set for it.
///
/// # Errors
/// [`Error::Panic`] if a task panicked. The other tasks have run.
pub fn for_each<F: Fn(usize) + Sync>(tasks: usize, f: F) -> Result<()> {
    let job = Job { f, failed: Mutex::new(None) };
    if tasks < 2 || num_threads() == 1 {
        job.run(0, tasks);
    } else {
        // SAFETY: `run::<F>` receives `job`, which has this `F`. `job` lives until the call returns, and by then all tasks have
        // ended. Several threads may share it: `F` is `Sync` by its bound, and so is the `Mutex`.
        unsafe { ffi::check(ffi::te_parallel_for(tasks, run::<F>, (&raw const job).cast()))? };
    }
    match job.failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some((task, message)) => Err(Error::Panic(format!("task {task} of {tasks} panicked: {message}"))),
        None => Ok(()),
    }
}

struct Job<F> {
    f: F,
    /// The lowest task number that panicked, and its message. (Not the first in time, which differs from run to run.)
    failed: Mutex<Option<(usize, String)>>,
}

impl<F: Fn(usize)> Job<F> {
    fn run(&self, begin: usize, end: usize) {
        for task in begin..end {
            if let Err(message) = ffi::catch_panic(|| (self.f)(task)) {
                let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
                if failed.as_ref().is_none_or(|(lowest, _)| task < *lowest) {
                    *failed = Some((task, message));
                }
            }
        }
    }
}

/// The callback of `te_parallel_for`.
unsafe extern "C" fn run<F: Fn(usize)>(job: *const c_void, begin: usize, end: usize) {
    // SAFETY: `for_each` passes its `Job<F>` together with this function, and keeps it alive until the shim returns.
    unsafe { &*job.cast::<Job<F>>() }.run(begin, end);
}
