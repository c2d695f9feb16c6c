//! The inverse of a permutation.

use tch::Tensor;

use crate::error::{Error, Result};
use crate::tensor::{arange, device_of};

/// The inverse of a permutation: `x[p][invert_permutation(p)]` is x. Equivalent of
/// `torch.nn.utils.rnn.invert_permutation`.
///
/// ```
/// use tch::Tensor;
/// # fn main() -> Result<(), recurrent::Error> {
/// let inverse = recurrent::invert_permutation(&Tensor::from_slice(&[2i64, 0, 1]))?;
/// assert_eq!(inverse, Tensor::from_slice(&[1i64, 2, 0]));
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`Error::Torch`] for a tensor that is not 1-D int64, or an index out of range. [`Error::NotAPermutation`] for an index
/// that occurs twice; torch then returns uninitialized values.
#[doc(alias = "torch.nn.utils.rnn.invert_permutation")]
pub fn invert_permutation(permutation: &Tensor) -> Result<Tensor> {
    let inverse = inverse_of(permutation)?;
    let identity = permutation.f_take(&inverse)?.f_reshape([-1])?;
    let is_permutation = identity.f_equal(&arange(permutation.numel() as i64, device_of(permutation)?)?)?;
    if is_permutation { Ok(inverse) } else { Err(Error::NotAPermutation) }
}

/// The inverse of a tensor that is known to be a permutation.
pub(crate) fn inverse_of(permutation: &Tensor) -> Result<Tensor> {
    let places = arange(permutation.numel() as i64, device_of(permutation)?)?;
    Ok(permutation.f_zeros_like()?.f_scatter_(0, permutation, &places)?)
}
