//! The operations of `torch.optim` that tch lacks, safe to call.

use tch::Tensor;

use crate::error::Result;
use crate::ffi;

/// `this.add_(other, alpha=alpha)`
pub(super) fn add_(this: &mut Tensor, other: &Tensor, alpha: f64) -> Result<()> {
    // SAFETY: both pointers are those of living tensors, and the message comes from the shim. So below.
    unsafe { ffi::check(ffi::te_add_(this.as_mut_ptr(), other.as_ptr(), alpha)) }
}

/// `this.add(other, alpha=alpha)`
pub(super) fn add(this: &Tensor, other: &Tensor, alpha: f64) -> Result<Tensor> {
    // SAFETY: as above; the shim writes a new tensor into the pointer that it is given.
    ffi::new_tensor(|out| unsafe { ffi::te_add(this.as_ptr(), other.as_ptr(), alpha, out) })
}

/// `this.addcmul_(a, b, value=value)`
pub(super) fn addcmul_(this: &mut Tensor, a: &Tensor, b: &Tensor, value: f64) -> Result<()> {
    // SAFETY: as above.
    unsafe { ffi::check(ffi::te_addcmul_(this.as_mut_ptr(), a.as_ptr(), b.as_ptr(), value)) }
}

/// `this.addcdiv_(a, b, value=value)`
pub(super) fn addcdiv_(this: &mut Tensor, a: &Tensor, b: &Tensor, value: f64) -> Result<()> {
    // SAFETY: as above.
    unsafe { ffi::check(ffi::te_addcdiv_(this.as_mut_ptr(), a.as_ptr(), b.as_ptr(), value)) }
}

/// `torch.linalg.vector_norm(this, ord)`
pub(super) fn vector_norm(this: &Tensor, ord: f64) -> Result<Tensor> {
    // SAFETY: as above.
    ffi::new_tensor(|out| unsafe { ffi::te_vector_norm(this.as_ptr(), ord, out) })
}

/// `this.grad = None`
pub(super) fn clear_grad(this: &mut Tensor) -> Result<()> {
    // SAFETY: as above.
    unsafe { ffi::check(ffi::te_clear_grad(this.as_mut_ptr())) }
}

/// `this.grad = grad`
pub(super) fn set_grad(this: &mut Tensor, grad: &Tensor) -> Result<()> {
    // SAFETY: as above.
    unsafe { ffi::check(ffi::te_set_grad(this.as_mut_ptr(), grad.as_ptr())) }
}
