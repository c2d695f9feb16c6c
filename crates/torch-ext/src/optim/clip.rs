//! Gradient clipping; follows torch/nn/utils/clip_grad.py.

use std::borrow::Borrow;

use tch::Tensor;

use super::ops;
use crate::error::{Error, Result};

/// Equivalent of `torch.nn.utils.clip_grad_norm_(params, max_norm, norm_type)`, to the bit.
///
/// Scales all gradients so that the norm of all of them together, as one vector, is at most `max_norm`. Returns the norm
/// before. `norm_type` 2 is the usual one; `f64::INFINITY` is the largest absolute value. Parameters without a gradient are
/// ignored.
///
/// ```
/// # fn main() -> Result<(), torch_ext::Error> {
/// let w = tch::Tensor::zeros([2], tch::kind::FLOAT_CPU).set_requires_grad(true);
/// (&w * tch::Tensor::from_slice(&[3f32, 4.0])).sum(tch::Kind::Float).backward();
/// let norm = torch_ext::optim::clip_grad_norm_([&w], 1.0, 2.0)?;
/// assert_eq!(norm.double_value(&[]), 5.0);
/// assert!((w.grad().norm().double_value(&[]) - 1.0).abs() < 1e-6);
/// # Ok(()) }
/// ```
///
/// # Errors
/// If the gradients are on different devices.
pub fn clip_grad_norm_<T: Borrow<Tensor>>(
    params: impl IntoIterator<Item = T>,
    max_norm: f64,
    norm_type: f64,
) -> Result<Tensor> {
    let _guard = tch::no_grad_guard();
    let mut grads = grads(params);
    if grads.is_empty() {
        return Ok(Tensor::f_zeros([0i64; 0], tch::kind::FLOAT_CPU)?);
    }
    let norms = grads.iter().map(|grad| ops::vector_norm(grad, norm_type)).collect::<Result<Vec<_>>>()?;
    let total_norm = ops::vector_norm(&Tensor::f_stack(&norms, 0)?, norm_type)?;
    // Python computes `max_norm / tensor` as a reciprocal and a product.
    let clip_coef = total_norm.f_add_scalar(1e-6)?.f_reciprocal()?.f_mul_scalar(max_norm)?;
    let clip_coef = clip_coef.f_clamp_max(1.0)?;
    for grad in &mut grads {
        let _ = grad.f_mul_(&clip_coef)?;
    }
    Ok(total_norm)
}

/// Equivalent of `torch.nn.utils.clip_grad_value_`: clamps every element of every gradient to `[-clip_value, clip_value]`.
///
/// # Errors
/// [`Error::InvalidArgument`] for a negative value or NaN. (torch would set every element to it.)
pub fn clip_grad_value_<T: Borrow<Tensor>>(params: impl IntoIterator<Item = T>, clip_value: f64) -> Result<()> {
    if clip_value.is_nan() || clip_value < 0.0 {
        return Err(Error::InvalidArgument(format!("Invalid clip_value: {clip_value:?}")));
    }
    let _guard = tch::no_grad_guard();
    for mut grad in grads(params) {
        let _ = grad.f_clamp_(-clip_value, clip_value)?;
    }
    Ok(())
}

fn grads<T: Borrow<Tensor>>(params: impl IntoIterator<Item = T>) -> Vec<Tensor> {
    params.into_iter().map(|param| param.borrow().grad()).filter(Tensor::defined).collect()
}
