//! The C++ shim: declarations, and the two functions that cross the border.
//!
//! tch's `Tensor` holds a pointer to an `at::Tensor`; the shim takes those pointers as they are.

use std::ffi::{CStr, c_char, c_void};

use tch::Tensor;
use torch_sys::C_tensor;

use crate::error::{Error, Result, first_line};

unsafe extern "C" {
    pub(crate) fn te_add_(this: *mut C_tensor, other: *const C_tensor, alpha: f64) -> *mut c_char;
    pub(crate) fn te_add(
        this: *const C_tensor,
        other: *const C_tensor,
        alpha: f64,
        out: *mut *mut C_tensor,
    ) -> *mut c_char;
    pub(crate) fn te_addcmul_(this: *mut C_tensor, a: *const C_tensor, b: *const C_tensor, value: f64) -> *mut c_char;
    pub(crate) fn te_addcdiv_(this: *mut C_tensor, a: *const C_tensor, b: *const C_tensor, value: f64) -> *mut c_char;
    pub(crate) fn te_vector_norm(this: *const C_tensor, ord: f64, out: *mut *mut C_tensor) -> *mut c_char;
    pub(crate) fn te_clear_grad(this: *mut C_tensor) -> *mut c_char;
    pub(crate) fn te_rng_get_state(state: *mut *mut C_tensor) -> *mut c_char;
    pub(crate) fn te_rng_set_state(state: *const C_tensor) -> *mut c_char;
    pub(crate) fn te_cpu_capability(capability: *mut *mut c_char) -> *mut c_char;
    pub(crate) fn te_seeded_randperm(n: i64, seed: u64, permutation: *mut *mut C_tensor) -> *mut c_char;
}

/// Turns what a shim function returned (null, or a message to be freed) into a `Result`.
///
/// # Safety
/// `message` is null or a string from `strdup` that nobody else frees.
pub(crate) unsafe fn check(message: *mut c_char) -> Result<()> {
    if message.is_null() {
        return Ok(());
    }
    // SAFETY: the caller hands over a string from strdup.
    let text = unsafe { take_string(message) };
    Err(Error::Torch(first_line(&text).to_owned()))
}

/// Copies a string of the shim's and frees it.
///
/// # Safety
/// `text` is a string from `strdup` that nobody else frees.
pub(crate) unsafe fn take_string(text: *mut c_char) -> String {
    // SAFETY: the caller's promise: the string ends in a zero, and free() is the counterpart of strdup.
    unsafe {
        let copy = CStr::from_ptr(text).to_string_lossy().into_owned();
        libc::free(text.cast::<c_void>());
        copy
    }
}

/// Calls a shim function that makes a tensor and takes possession of it.
pub(crate) fn new_tensor(call: impl FnOnce(*mut *mut C_tensor) -> *mut c_char) -> Result<Tensor> {
    let mut out = std::ptr::null_mut();
    // SAFETY: the message comes from the shim; on success `out` is a new at::Tensor that only we know.
    unsafe {
        check(call(&mut out))?;
        Ok(Tensor::from_ptr(out))
    }
}
