//! The numbers of a tensor as a slice, for kernels that know no tensor library.

use tch::{Device, Kind, Tensor};

use crate::error::{Error, Result};
use crate::ffi::{self, F32Data};

/// The numbers of an f32 tensor on the CPU, from its first to its last: those of a tensor with gaps (a transposed or
/// sliced view) with what lies between, to be found by [`Tensor::stride`].
///
/// While the slice lives nobody may change the tensor, also not through another handle to the same numbers
/// (`shallow_clone`, a view): Rust cannot see those.
///
/// ```
/// # fn main() -> torch_ext::Result<()> {
/// let x = tch::Tensor::from_slice(&[1f32, 2., 3., 4., 5., 6.]).view([2, 3]);
/// assert_eq!(torch_ext::slices::f32_slice(&x)?, [1., 2., 3., 4., 5., 6.]);
/// let column = x.select(1, 1); // 2 and 5, three numbers apart
/// assert_eq!(torch_ext::slices::f32_slice(&column)?, [2., 3., 4., 5.]);
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Error::Torch`] for another kind or device, and for a tensor whose memory does not hold its numbers (undefined,
/// sparse, a lazily negated view).
pub fn f32_slice(tensor: &Tensor) -> Result<&[f32]> {
    let F32Data { data, length, .. } = f32_data(tensor)?;
    if length == 0 {
        return Ok(&[]);
    }
    // SAFETY: the shim found a dense f32 tensor on the CPU whose last number is at `length - 1`; its numbers live as long
    // as the tensor.
    Ok(unsafe { std::slice::from_raw_parts(data, length) })
}

/// The same, to be written, of a tensor without gaps. Nobody else may look meanwhile, as above. Autograd does not notice
/// the change: write to new tensors only.
///
/// # Errors
/// As [`f32_slice`]; also for a tensor that is not contiguous.
pub fn f32_slice_mut(tensor: &mut Tensor) -> Result<&mut [f32]> {
    let F32Data { data, length, contiguous } = f32_data(tensor)?;
    if length == 0 {
        return Ok(&mut []);
    }
    if !contiguous {
        return Err(Error::Torch("a tensor that is not contiguous cannot be written as a slice".to_owned()));
    }
    // SAFETY: as above, and the tensor is borrowed for writing.
    Ok(unsafe { std::slice::from_raw_parts_mut(data, length) })
}

/// `to.copy_(from)` for tensors of one shape that are in no graph. Between plain f32 tensors on the CPU it is a copy of memory,
/// which for a small layer's weights takes a tenth of an operation's time.
///
/// # Errors
/// Where libtorch cannot copy.
pub fn copy(to: &mut Tensor, from: &Tensor) -> Result<()> {
    if from.is_contiguous()
        && let (Ok(source), Ok(target)) = (f32_slice(from), f32_slice_mut(to))
        && source.len() == target.len()
    {
        target.copy_from_slice(source);
        return Ok(());
    }
    to.f_copy_(from)?;
    Ok(())
}

/// Where the numbers are. One call across the border: small layers ask for a dozen slices per pass.
fn f32_data(tensor: &Tensor) -> Result<F32Data> {
    let mut data = F32Data { data: std::ptr::null_mut(), length: 0, contiguous: false };
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
