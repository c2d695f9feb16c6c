//! Arrays and slices. A failed allocation is an error, not an abort.

use std::borrow::Cow;

use ndarray::{Array, ArrayView, Dimension, ShapeBuilder, StrideShape};

use crate::error::{Error, Result};

/// An empty vector with room for `len` numbers.
pub(crate) fn with_capacity(len: usize) -> Result<Vec<f32>> {
    let mut numbers = Vec::new();
    let out_of_memory = |_| Error::OutOfMemory { bytes: len.saturating_mul(size_of::<f32>()) };
    numbers.try_reserve_exact(len).map_err(out_of_memory)?;
    Ok(numbers)
}

/// Zeros.
pub(crate) fn zeros(len: usize) -> Result<Vec<f32>> {
    let mut numbers = with_capacity(len)?;
    numbers.resize(len, 0.0);
    Ok(numbers)
}

/// The product of sizes; a product that is too large cannot be allocated.
pub(crate) fn product(sizes: &[usize]) -> usize {
    sizes.iter().copied().fold(1, usize::saturating_mul)
}

/// The numbers in row-major order: borrowed if the view is in this order, otherwise copied.
pub(crate) fn row_major<'a, D: Dimension>(view: &'a ArrayView<'_, f32, D>) -> Result<Cow<'a, [f32]>> {
    if let Some(slice) = view.as_slice() {
        return Ok(Cow::Borrowed(slice));
    }
    let mut copy = with_capacity(view.len())?;
    copy.extend(view.iter());
    Ok(Cow::Owned(copy))
}

/// An array of these numbers in row-major order. Their count is that of the shape, or the shape overflows.
pub(crate) fn array<D, S>(shape: S, numbers: Vec<f32>) -> Result<Array<f32, D>>
where
    D: Dimension,
    S: ShapeBuilder<Dim = D> + Into<StrideShape<D>>,
{
    Array::from_shape_vec(shape, numbers).map_err(|_| Error::OutOfMemory { bytes: usize::MAX })
}
