//! The numbers of a tensor as a slice, for kernels that know no tensor library.

use tch::{Device, Kind, Tensor};

use crate::error::{Error, Result};

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
/// [`Error::Torch`] for another kind or device, and for a tensor without strides (sparse, undefined).
pub fn f32_slice(tensor: &Tensor) -> Result<&[f32]> {
    let length = extent(tensor)?;
    if length == 0 {
        return Ok(&[]);
    }
    // SAFETY: a dense f32 tensor on the CPU has its numbers there, at the offsets that its strides say, the last one at
    // `length - 1`; they live as long as the tensor.
    Ok(unsafe { std::slice::from_raw_parts(tensor.data_ptr().cast_const().cast(), length) })
}

/// The same, to be written, of a tensor without gaps. Nobody else may look meanwhile, as above. Autograd does not notice
/// the change: write to new tensors only.
///
/// # Errors
/// As [`f32_slice`]; also for a tensor that is not contiguous.
pub fn f32_slice_mut(tensor: &mut Tensor) -> Result<&mut [f32]> {
    let length = extent(tensor)?;
    if length == 0 {
        return Ok(&mut []);
    }
    if !tensor.is_contiguous() {
        return Err(Error::Torch("a tensor that is not contiguous cannot be written as a slice".to_owned()));
    }
    // SAFETY: as above, and the tensor is borrowed for writing.
    Ok(unsafe { std::slice::from_raw_parts_mut(tensor.data_ptr().cast(), length) })
}

/// From the first number to the last, in numbers.
fn extent(tensor: &Tensor) -> Result<usize> {
    if !tensor.defined() {
        return Err(Error::Torch("expected a tensor, got an undefined one".to_owned()));
    }
    let (kind, device) = (tensor.f_kind()?, tensor.device());
    if (kind, device) != (Kind::Float, Device::Cpu) {
        return Err(Error::Torch(format!("expected a Float tensor on the CPU, got {kind:?} on {device:?}")));
    }
    if tensor.is_sparse() || tensor.is_mkldnn() {
        return Err(Error::Torch("expected a dense tensor".to_owned()));
    }
    let sizes = tensor.size();
    if sizes.contains(&0) {
        return Ok(0);
    }
    let last: i64 = sizes.iter().zip(tensor.stride()).map(|(size, stride)| (size - 1) * stride).sum();
    Ok(last as usize + 1)
}
