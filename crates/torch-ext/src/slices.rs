//! The elements of a tensor as a slice, for code that has no tensor library; fast copies.
//!
//! A slice needs `unsafe`: another handle to the same memory (`shallow_clone`, a view) can write or free it while the slice
//! exists, and the Rust compiler cannot check that. [`fused_rnn`](crate::fused_rnn) and [`copy`] are safe.

use std::ptr;

use tch::{Device, Kind, Tensor};

use crate::error::{Error, Result};
use crate::ffi::{self, F32Data};

/// The memory of an f32 tensor on the CPU, from its first element to its last.
///
/// The memory of a transposed or sliced view may have gaps between the elements. The slice includes them, and
/// [`Tensor::stride`] tells where the elements are.
///
/// ```
/// # fn main() -> torch_ext::Result<()> {
/// let x = tch::Tensor::from_slice(&[1f32, 2., 3., 4., 5., 6.]).view([2, 3]);
/// let column = x.select(1, 1); // 2 and 5, with a stride of 3
/// // SAFETY: nothing writes or frees the tensors before the slices are dropped.
/// let (all, of_column) = unsafe { (torch_ext::slices::f32_slice(&x)?, torch_ext::slices::f32_slice(&column)?) };
/// assert_eq!((all, of_column), (&[1., 2., 3., 4., 5., 6.][..], &[2., 3., 4., 5.][..]));
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Error::Torch`] for another kind or device, and for a tensor whose memory does not hold its values (undefined,
/// sparse, a lazily negated view).
///
/// # Safety
/// While the slice exists, nothing writes, resizes or frees the tensor's memory: not through this tensor, not through another
/// handle to the same memory, on this thread or another.
pub unsafe fn f32_slice(tensor: &Tensor) -> Result<&[f32]> {
    let data = f32_data(tensor)?;
    // SAFETY: the slice borrows `tensor`, which `data` was read from; the caller guarantees the rest.
    Ok(unsafe { data.slice() })
}

/// The elements of a contiguous f32 tensor on the CPU, to be written. Autograd does not see the change, so write only tensors
/// that are in no graph.
///
/// # Errors
/// As [`f32_slice`]; also for a tensor that is not contiguous.
///
/// # Safety
/// While the slice exists, nothing reads, writes, resizes or frees the tensor's memory: not through this tensor, not through
/// another handle to the same memory, on this thread or another.
pub unsafe fn f32_slice_mut(tensor: &mut Tensor) -> Result<&mut [f32]> {
    let data = f32_data(tensor)?;
    if data.length > 0 && !data.contiguous {
        return Err(Error::Torch("a tensor that is not contiguous cannot be written as a slice".to_owned()));
    }
    // SAFETY: the slice borrows `tensor`, which `data` was read from; the caller guarantees the rest.
    Ok(unsafe { data.slice_mut() })
}

/// Equivalent of `to.copy_(from)`, for tensors of one shape that are in no graph.
///
/// Contiguous f32 tensors on the CPU are copied as memory. For the weights of a small layer this takes a tenth of the time of
/// an operation.
///
/// # Errors
/// If the shapes do not fit.
pub fn copy(to: &mut Tensor, from: &Tensor) -> Result<()> {
    if let (Ok(source), Ok(target)) = (f32_data(from), f32_data(to))
        && source.contiguous
        && target.contiguous
        && source.length == target.length
    {
        // SAFETY: `from` and `to` are alive, and each has `length` elements without gaps. The two may share memory;
        // `ptr::copy` allows an overlap.
        unsafe { ptr::copy(source.data, target.data, source.length) };
        return Ok(());
    }
    to.f_copy_(from)?;
    Ok(())
}

/// Overwrites the elements of a contiguous f32 tensor on the CPU, as an in-place operation does. Allocates nothing.
pub(crate) fn write(tensor: &mut Tensor, values: &[f32]) -> Result<()> {
    // SAFETY: the pointer belongs to `tensor`, which outlives the call, and `values` has that length. It is a slice of Rust's,
    // so it does not overlap the tensor's memory. Other handles to the tensor see the new values, as after `copy_`.
    if unsafe { ffi::te_write_f32(tensor.as_ptr(), values.as_ptr(), values.len()) } {
        return Ok(());
    }
    tensor.f_copy_(&Tensor::f_from_slice(values)?.f_view_as(&*tensor)?)?;
    Ok(())
}

impl F32Data {
    /// # Safety
    /// As [`f32_slice`], for the tensor that `self` was read from; that tensor outlives `'a`.
    pub(crate) unsafe fn slice<'a>(&self) -> &'a [f32] {
        if self.length == 0 {
            return &[];
        }
        // SAFETY: `te_f32_data` found a dense f32 tensor on the CPU whose last element is at `length - 1`. The caller
        // guarantees that its memory is neither written nor freed during `'a`.
        unsafe { std::slice::from_raw_parts(self.data, self.length) }
    }

    /// # Safety
    /// As [`f32_slice_mut`], for the tensor that `self` was read from; that tensor outlives `'a`.
    pub(crate) unsafe fn slice_mut<'a>(&self) -> &'a mut [f32] {
        if self.length == 0 {
            return &mut [];
        }
        // SAFETY: as in `slice`; the caller guarantees that nothing else uses the memory during `'a`.
        unsafe { std::slice::from_raw_parts_mut(self.data, self.length) }
    }
}

/// Where the elements are. One call of the shim, because a small layer needs a dozen slices for each pass.
pub(crate) fn f32_data(tensor: &Tensor) -> Result<F32Data> {
    let mut data = F32Data { data: ptr::null_mut(), length: 0, contiguous: false, last_size: 0 };
    // SAFETY: the pointer belongs to `tensor`, which outlives the call, and `data` is valid for writes.
    if unsafe { ffi::te_f32_data(tensor.as_ptr(), &mut data) } {
        return Ok(data);
    }
    if !tensor.defined() {
        return Err(Error::Torch("expected a tensor, got an undefined one".to_owned()));
    }
    let (kind, device) = (tensor.f_kind()?, tensor.device());
    if (kind, device) != (Kind::Float, Device::Cpu) {
        return Err(Error::Torch(format!("expected a Float tensor on the CPU, got {kind:?} on {device:?}")));
    }
    Err(Error::Torch("expected a dense tensor that is not a lazily negated or zero view".to_owned()))
}
