//! libtorch's threads, for the kernels.

use std::sync::{Mutex, PoisonError};

use rnn_kernels::ThreadPool;

use crate::error::{Error, Result};
use crate::parallel;

/// Runs tasks on libtorch's threads. [`TorchThreads::result`] returns the first error.
#[derive(Default)]
pub(crate) struct TorchThreads {
    failed: Mutex<Option<Error>>,
}

impl TorchThreads {
    pub(crate) fn result(self) -> Result<()> {
        self.failed.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
    }
}

impl ThreadPool for TorchThreads {
    fn threads(&self) -> usize {
        parallel::num_threads()
    }

    fn for_each(&self, tasks: usize, task: &(dyn Fn(usize) + Sync)) {
        if let Err(error) = parallel::for_each(tasks, task) {
            self.failed.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        }
    }
}
