//! Operations of `torch.optim` that tch lacks.

use tch::Tensor;

use crate::error::Result;
use crate::ffi;

/// `this.add_(other, alpha=alpha)`
pub(super) fn add_(this: &mut Tensor, other: &Tensor, alpha: f64) -> Result<()> {
    // SAFETY: the pointers belong to tensors of the caller, which outlive the call; the message comes from the shim.
    unsafe { ffi::check(ffi::te_add_(this.as_mut_ptr(), other.as_ptr(), alpha)) }
}

/// `this.add(other, alpha=alpha)`
pub(super) fn add(this: &Tensor, other: &Tensor, alpha: f64) -> Result<Tensor> {
    // SAFETY: as in `add_`; the shim writes a new tensor into `out`, which is valid for writes.
    ffi::new_tensor(|out| unsafe { ffi::te_add(this.as_ptr(), other.as_ptr(), alpha, out) })
}

/// `this.addcmul_(a, b, value=value)`
pub(super) fn addcmul_(this: &mut Tensor, a: &Tensor, b: &Tensor, value: f64) -> Result<()> {
    // SAFETY: as in `add_`.
    unsafe { ffi::check(ffi::te_addcmul_(this.as_mut_ptr(), a.as_ptr(), b.as_ptr(), value)) }
}

/// `this.addcdiv_(a, b, value=value)`
pub(super) fn addcdiv_(this: &mut Tensor, a: &Tensor, b: &Tensor, value: f64) -> Result<()> {
    // SAFETY: as in `add_`.
    unsafe { ffi::check(ffi::te_addcdiv_(this.as_mut_ptr(), a.as_ptr(), b.as_ptr(), value)) }
}

/// `torch.linalg.vector_norm(this, ord)`
pub(super) fn vector_norm(this: &Tensor, ord: f64) -> Result<Tensor> {
    // SAFETY: as in `add`.
    ffi::new_tensor(|out| unsafe { ffi::te_vector_norm(this.as_ptr(), ord, out) })
}

/// `this.grad = None`
pub(super) fn clear_grad(this: &mut Tensor) -> Result<()> {
    // SAFETY: as in `add_`.
    unsafe { ffi::check(ffi::te_clear_grad(this.as_mut_ptr())) }
}

/// `this.grad = grad`
pub(super) fn set_grad(this: &mut Tensor, grad: &Tensor) -> Result<()> {
    // SAFETY: as in `add_`.
    unsafe { ffi::check(ffi::te_set_grad(this.as_mut_ptr(), grad.as_ptr())) }
}
