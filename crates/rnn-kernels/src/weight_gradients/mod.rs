//! The gradients of the parameters: sums over all steps and samples of d gates times the input of the weight.
//!
//! Sample-major layout: if the weight gradients of a thread and a chunk of d gates fit into its second-level cache,
//! each thread adds up those of its own shards during the backward pass ([`sample_major::PartialGradients`]), and the
//! sums of the threads are added at the end. Otherwise, and in the feature-major layout, d gates of all steps are kept,
//! and [`tasks`] compute the sums after the backward pass.

mod feature_major;
pub(crate) mod sample_major;
mod tasks;

use crate::buffer_pool::Buffer;
use crate::error::Result;
use crate::plan::Layout;
use crate::threads::{ThreadPool, for_each_dynamic};
pub(crate) use tasks::WeightGradients;

impl WeightGradients<'_> {
    /// Computes all weight gradients after the backward pass, from d gates of all steps.
    ///
    /// # Safety
    /// The backward pass of all shards has finished, nothing else uses the targets, and those have the sizes of the
    /// parameters.
    pub(crate) unsafe fn compute_all(&self, threads: usize, pool: &dyn ThreadPool) -> Result<()> {
        let tasks = self.tasks();
        let threads = threads.min(tasks.len());
        let workspaces = (0..threads).map(|_| self.task_workspace()).collect::<Result<Vec<Buffer>>>()?;
        for_each_dynamic(pool, threads, tasks.len(), &|i, thread| {
            // SAFETY: each task runs once, and the tasks write different rows. Each thread has its own workspace. The
            // rest is the caller's guarantee.
            unsafe {
                match self.plan.layout {
                    Layout::SampleMajor => self.compute_sample_major(&tasks[i], &workspaces[thread]),
                    Layout::FeatureMajor => self.compute_feature_major(&tasks[i]),
                }
            }
        });
        Ok(())
    }
}
