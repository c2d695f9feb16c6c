//! Rayon as the thread pool of the kernels.

use rayon::iter::{IntoParallelIterator, ParallelIterator};
use rnn_kernels::ThreadPool;

/// Runs recurrent layers on the threads of rayon: those of the pool that `forward` is called in, or of the global pool.
///
/// ```
/// let options = rnn_runtime::Options::default().thread_pool(rnn_runtime::Rayon);
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Rayon;

impl ThreadPool for Rayon {
    fn threads(&self) -> usize {
        rayon::current_num_threads()
    }

    fn for_each(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        (0..tasks).into_par_iter().for_each(task);
    }
}
