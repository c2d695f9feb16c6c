//! A collective operation that runs in the background.

use tch::Tensor;

use super::error_context::{ErrorContext, describe};
use crate::error::Result;
use crate::ffi;

/// Equivalent of `torch.distributed.Work`: a collective operation that has begun.
///
/// The program can compute something else meanwhile, but cannot use the operation's tensor: [`Work::wait`] returns it. A
/// dropped `Work` continues in the background, and its errors are lost.
#[derive(Debug)]
#[must_use = "call wait() for the result and for errors"]
pub struct Work {
    raw: *mut ffi::Work,
    tensor: Tensor,
    operation: &'static str,
    context: ErrorContext,
}

impl Work {
    /// Takes ownership of `raw`.
    pub(super) fn new(raw: *mut ffi::Work, tensor: Tensor, operation: &'static str, context: ErrorContext) -> Work {
        Work { raw, tensor, operation, context }
    }

    /// Whether [`Work::wait`] would return at once.
    pub fn is_completed(&self) -> bool {
        // SAFETY: `self` owns the work. It is freed only in `wait` and `drop`, which consume `self`.
        unsafe { ffi::te_dist_is_completed(self.raw) }
    }

    /// Waits for the end of the operation, at most for the group's timeout.
    ///
    /// # Errors
    /// If a process has ended, or did not take part before the timeout. The tensor's values are undefined then.
    pub fn wait(mut self) -> Result<Tensor> {
        let raw = std::mem::replace(&mut self.raw, std::ptr::null_mut());
        // SAFETY: `self` owned the work. The shim frees it, and `drop` finds null.
        unsafe { ffi::check(ffi::te_dist_wait(raw)) }
            .map_err(|error| self.context.error(&format!("{}{}", self.operation, describe(&self.tensor)), &error))?;
        Ok(self.tensor.shallow_clone())
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if !self.raw.is_null() {
            // SAFETY: `self` owns the work, and this is its last use. c10d keeps the operation's tensors alive.
            unsafe { ffi::te_dist_release_work(self.raw) }
        }
    }
}
