//! The numbers of a tensor as a slice, for code that has no tensor library; copies of memory.
//!
//! A slice needs `unsafe`: any other handle to the same memory (`shallow_clone`, a view) can write it or free it while the slice
//! exists, and Rust sees none of that. [`fused_rnn`](crate::fused_rnn) and [`copy`] are safe.

use std::ptr;

use tch::{Device, Kind, Tensor};

use crate::error::{Error, Result};
use crate::ffi::{self, F32Data};

/// The numbers of an f32 tensor on the CPU, from the first to the last. If the tensor has gaps (a transposed or sliced view), the
/// slice includes them; [`Tensor::stride`] says where the numbers are.
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
/// [`Error::Torch`] for another kind or device, and for a tensor whose memory does not hold its numbers (undefined,
/// sparse, a lazily negated view).
///
/// # Safety
/// While the slice exists, nothing writes, resizes or frees the tensor's memory: through this tensor, through another handle to
/// the same memory, on this thread or another.
pub unsafe fn f32_slice(tensor: &Tensor) -> Result<&[f32]> {
    let data = f32_data(tensor)?;
    // SAFETY: the caller's promise.
    Ok(unsafe { data.slice() })
}

/// The numbers of an f32 tensor on the CPU without gaps, to be written. Autograd does not notice the change: write tensors that
/// are in no graph.
///
/// # Errors
/// As [`f32_slice`]; also for a tensor that is not contiguous.
///
/// # Safety
/// While the slice exists, nothing reads, writes, resizes or frees the tensor's memory: through this tensor, through another
/// handle to the same memory, on this thread or another.
pub unsafe fn f32_slice_mut(tensor: &mut Tensor) -> Result<&mut [f32]> {
    let data = f32_data(tensor)?;
    if data.length > 0 && !data.contiguous {
        return Err(Error::Torch("a tensor that is not contiguous cannot be written as a slice".to_owned()));
    }
    // SAFETY: the caller's promise.
    Ok(unsafe { data.slice_mut() })
}

/// `to.copy_(from)` for tensors of one shape that are in no graph. Between contiguous f32 tensors on the CPU it is a copy of
/// memory, which takes a tenth of an operation's time for a small layer's weights.
///
/// # Errors
/// Where libtorch cannot copy.
pub fn copy(to: &mut Tensor, from: &Tensor) -> Result<()> {
    if let (Ok(source), Ok(target)) = (f32_data(from), f32_data(to))
        && source.contiguous
        && target.contiguous
        && source.length == target.length
    {
        // SAFETY: each has `length` numbers, and `ptr::copy` allows the two to overlap, which handles to one memory may.
        unsafe { ptr::copy(source.data, target.data, source.length) };
        return Ok(());
    }
    to.f_copy_(from)?;
    Ok(())
}

impl F32Data {
    /// # Safety
    /// As [`f32_slice`], for the tensor that `self` was read from; that tensor outlives `'a`.
    pub(crate) unsafe fn slice<'a>(&self) -> &'a [f32] {
        if self.length == 0 {
            return &[];
        }
        // SAFETY: the shim found a dense f32 tensor on the CPU whose last number is at `length - 1`. The caller promises the rest.
        unsafe { std::slice::from_raw_parts(self.data, self.length) }
    }

    /// # Safety
    /// As [`f32_slice_mut`], for the tensor that `self` was read from; that tensor outlives `'a`.
    pub(crate) unsafe fn slice_mut<'a>(&self) -> &'a mut [f32] {
        if self.length == 0 {
            return &mut [];
        }
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts_mut(self.data, self.length) }
    }
}

/// Where the numbers are, in one call of the shim: small layers need a dozen slices for each pass.
pub(crate) fn f32_data(tensor: &Tensor) -> Result<F32Data> {
    let mut data = F32Data { data: ptr::null_mut(), length: 0, contiguous: false };
    // SAFETY: the pointer is that of a living tensor, and `data` is there to be written.
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
    Err(Error::Torch("expected a dense tensor that is no lazily negated or zero view".to_owned()))
}
