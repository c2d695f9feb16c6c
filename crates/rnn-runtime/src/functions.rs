//! Activations, softmax and argmax.

use ndarray::{Array, ArrayView, Axis, Dimension, RemoveAxis};

use crate::arrays::{array, product, row_major, with_capacity};
use crate::error::{Error, Result};

pub(crate) fn relu_of(x: f32) -> f32 {
    if x < 0.0 { 0.0 } else { x } // NaN stays NaN
}

pub(crate) fn sigmoid_of(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// Equivalent of `torch.relu`: max(0, x) of each element.
///
/// # Errors
/// [`Error::OutOfMemory`].
pub fn relu<D: Dimension>(x: ArrayView<'_, f32, D>) -> Result<Array<f32, D>> {
    map(x, relu_of)
}

/// Equivalent of `torch.tanh`, for each element.
///
/// # Errors
/// [`Error::OutOfMemory`].
pub fn tanh<D: Dimension>(x: ArrayView<'_, f32, D>) -> Result<Array<f32, D>> {
    map(x, f32::tanh)
}

/// Equivalent of `torch.sigmoid`: 1 / (1 + exp(-x)) of each element.
///
/// # Errors
/// [`Error::OutOfMemory`].
pub fn sigmoid<D: Dimension>(x: ArrayView<'_, f32, D>) -> Result<Array<f32, D>> {
    map(x, sigmoid_of)
}

/// Equivalent of `torch.softmax`: exp(x) divided by the sum of exp(x) along a dimension.
///
/// ```
/// use rnn_runtime::{ndarray::{Axis, array}, softmax};
/// let shares = softmax(array![[0.0, 0.0], [0.0, 3f32.ln()]].view(), Axis(1))?;
/// assert!((shares[[1, 1]] - 0.75).abs() < 1e-6);
/// # Ok::<(), rnn_runtime::Error>(())
/// ```
///
/// # Errors
/// [`Error::Axis`] for a dimension that the array does not have; [`Error::OutOfMemory`].
pub fn softmax<D: Dimension>(x: ArrayView<'_, f32, D>, axis: Axis) -> Result<Array<f32, D>> {
    along(x, axis, |lane, max| {
        let sum: f64 = lane.iter().map(|x| f64::from((x - max).exp())).sum();
        lane.iter_mut().for_each(|x| *x = (f64::from((*x - max).exp()) / sum) as f32);
    })
}

/// Equivalent of `torch.log_softmax`: the logarithm of [`softmax`].
///
/// # Errors
/// [`Error::Axis`] for a dimension that the array does not have; [`Error::OutOfMemory`].
pub fn log_softmax<D: Dimension>(x: ArrayView<'_, f32, D>, axis: Axis) -> Result<Array<f32, D>> {
    along(x, axis, |lane, max| {
        let sum: f64 = lane.iter().map(|x| f64::from((x - max).exp())).sum();
        lane.iter_mut().for_each(|x| *x = (f64::from(*x) - f64::from(max) - sum.ln()) as f32);
    })
}

/// Equivalent of `torch.argmax`: the index of the largest element along a dimension. Of equal elements it is the first, and
/// NaN is larger than any number, as in torch.
///
/// ```
/// use rnn_runtime::{argmax, ndarray::{Axis, array}};
/// assert_eq!(argmax(array![[0.1f32, 0.9], [0.5, 0.4]].view(), Axis(1))?, array![1, 0]);
/// # Ok::<(), rnn_runtime::Error>(())
/// ```
///
/// # Errors
/// [`Error::Axis`] for a dimension that the array does not have; [`Error::EmptyAxis`]; [`Error::OutOfMemory`].
pub fn argmax<D: RemoveAxis>(x: ArrayView<'_, f32, D>, axis: Axis) -> Result<Array<usize, D::Smaller>> {
    check_axis(&x, axis)?;
    let len = x.shape()[axis.index()];
    let lanes = x.lanes(axis);
    let shape = x.raw_dim().remove_axis(axis);
    let count = shape.size();
    if len == 0 && count > 0 {
        return Err(Error::EmptyAxis { axis: axis.index() });
    }
    let mut indices = Vec::new();
    let bytes = count.saturating_mul(size_of::<usize>());
    indices.try_reserve_exact(count).map_err(|_| Error::OutOfMemory { bytes })?;
    for lane in lanes {
        let (mut best, mut largest) = (0, f32::NEG_INFINITY);
        for (i, &x) in lane.iter().enumerate() {
            if x > largest || x.is_nan() && !largest.is_nan() {
                (best, largest) = (i, x);
            }
        }
        indices.push(best);
    }
    Array::from_shape_vec(shape, indices).map_err(|_| Error::OutOfMemory { bytes })
}

/// A function of each element, in the order and shape of the array.
fn map<D: Dimension>(x: ArrayView<'_, f32, D>, function: fn(f32) -> f32) -> Result<Array<f32, D>> {
    let mut numbers = with_capacity(x.len())?;
    numbers.extend(x.iter().map(|x| function(*x)));
    array(x.raw_dim(), numbers)
}

/// Changes the elements along a dimension, with their maximum.
fn along<D: Dimension>(
    x: ArrayView<'_, f32, D>,
    axis: Axis,
    change: impl Fn(&mut [f32], f32),
) -> Result<Array<f32, D>> {
    check_axis(&x, axis)?;
    let mut numbers = row_major(&x)?.into_owned();
    let (len, shape) = (x.shape()[axis.index()], x.shape());
    let inner = product(&shape[axis.index() + 1..]); // distance of two elements of the dimension
    if numbers.is_empty() {
        return array(x.raw_dim(), numbers);
    }
    let mut lane = with_capacity(len)?;
    for outer in numbers.chunks_exact_mut(len * inner) {
        for start in 0..inner {
            lane.clear();
            lane.extend(outer.iter().skip(start).step_by(inner));
            let max = lane.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            change(&mut lane, max);
            outer.iter_mut().skip(start).step_by(inner).zip(&lane).for_each(|(to, from)| *to = *from);
        }
    }
    array(x.raw_dim(), numbers)
}

fn check_axis<D: Dimension>(x: &ArrayView<'_, f32, D>, axis: Axis) -> Result<()> {
    if axis.index() < x.ndim() { Ok(()) } else { Err(Error::Axis { axis: axis.index(), dimensions: x.ndim() }) }
}
