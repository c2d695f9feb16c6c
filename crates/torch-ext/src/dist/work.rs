//! An operation that is on its way.

use tch::Tensor;

use super::member::{Member, describe};
use crate::error::Result;
use crate::ffi;

/// A collective operation that has begun: `Work` in torch. Meanwhile other things can be done, but for its tensor, which
/// [`Work::wait`] gives back.
///
/// One that is dropped goes on without anybody hearing of its end.
#[derive(Debug)]
#[must_use = "what becomes of it, wait() says"]
pub struct Work {
    raw: *mut ffi::Work,
    tensor: Tensor,
    what: &'static str,
    me: Member,
}

impl Work {
    /// Takes possession of `raw`.
    pub(super) fn new(raw: *mut ffi::Work, tensor: Tensor, what: &'static str, me: Member) -> Work {
        Work { raw, tensor, what, me }
    }

    /// Whether [`Work::wait`] would return at once.
    pub fn is_completed(&self) -> bool {
        // SAFETY: the work is ours, and alive until it is waited for or dropped.
        unsafe { ffi::te_dist_is_completed(self.raw) }
    }

    /// Waits for the end; no longer than the group's timeout.
    ///
    /// # Errors
    /// If a process was lost, or did not come within the timeout; the tensor's numbers are then of no use.
    pub fn wait(mut self) -> Result<Tensor> {
        let raw = std::mem::replace(&mut self.raw, std::ptr::null_mut());
        // SAFETY: the work is ours; the shim frees it, and Drop finds null.
        unsafe { ffi::check(ffi::te_dist_wait(raw)) }
            .map_err(|error| self.me.error(&format!("{}{}", self.what, describe(&self.tensor)), &error))?;
        Ok(self.tensor.shallow_clone())
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if !self.raw.is_null() {
            // SAFETY: the work is ours, and nobody uses it again; it holds its tensors itself.
            unsafe { ffi::te_dist_forget(self.raw) }
        }
    }
}
