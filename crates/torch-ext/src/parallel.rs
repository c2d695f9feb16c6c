//! Work on libtorch's own threads.
//!
//! libtorch keeps a pool of threads (OpenMP's, on Linux) that its own operations share, and its workers wait for the next
//! operation with open eyes. A second pool beside it (rayon, `std::thread`) would fight with it for the same cores. Here
//! Rust code runs on libtorch's: [`for_each`] starts in a microsecond or two, and `tch::set_num_threads` governs both.
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

/// How many threads [`for_each`] would use here and now: `torch.get_num_threads()`, and 1 within a task.
///
/// At least 1. `tch::set_num_threads` sets it, as `OMP_NUM_THREADS` does from outside.
pub fn num_threads() -> usize {
    // SAFETY: no arguments, no exceptions.
    unsafe { ffi::te_num_threads() }.max(1)
}

/// Calls `f(0)`, .., `f(tasks - 1)`, each once, spread over libtorch's threads, the calling one among them; returns when
/// all have ended.
///
/// The tasks are handed out in [`num_threads`] ranges of neighbours, the same ones each time: make as many tasks as there
/// are threads, or many more of about equal size. A call from within a task runs its tasks one after the other. `f` works
/// on plain data: libtorch's thread-local settings (gradient mode and the like) do not come with it, so that it must not
/// call tensor operations.
///
/// # Errors
/// [`Error::Panic`] if a task panicked; the others have run nevertheless. [`Error::Torch`] if libtorch refused.
pub fn for_each<F: Fn(usize) + Sync>(tasks: usize, f: F) -> Result<()> {
    let job = Job { f, failed: Mutex::new(None) };
    if tasks < 2 || num_threads() == 1 {
        job.run(0, tasks);
    } else {
        // SAFETY: the job outlives the call, which returns when all tasks have ended, and is `Sync`: `f` is, by its bound.
        unsafe { ffi::check(ffi::te_parallel_for(tasks, run::<F>, (&raw const job).cast()))? };
    }
    match job.failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some((task, message)) => Err(Error::Panic(format!("task {task} of {tasks} panicked: {message}"))),
        None => Ok(()),
    }
}

struct Job<F> {
    f: F,
    /// The first task that panicked (by its number, so that a run is like the next), and its message.
    failed: Mutex<Option<(usize, String)>>,
}

impl<F: Fn(usize)> Job<F> {
    fn run(&self, begin: usize, end: usize) {
        for task in begin..end {
            if let Err(message) = ffi::catch_panic(|| (self.f)(task)) {
                let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
                if failed.as_ref().is_none_or(|(first, _)| task < *first) {
                    *failed = Some((task, message));
                }
            }
        }
    }
}

/// The shim's way to the tasks.
unsafe extern "C" fn run<F: Fn(usize)>(job: *const c_void, begin: usize, end: usize) {
    // SAFETY: the shim passes the job that `for_each` gave it with this `F`, while `for_each` waits.
    unsafe { &*job.cast::<Job<F>>() }.run(begin, end);
}
