//! A linear layer and the cross-entropy of its output, in one operation.

use rnn_kernels::{CrossEntropy, IGNORE_INDEX, InstructionSet};
use tch::{Device, Kind, Reduction, Tensor, no_grad};

use super::cross_entropy;
use crate::autograd;
use crate::error::{Error, Result};
use crate::fused_rnn::TorchThreads;
use crate::slices::f32_slice_mut;

/// Equivalent of `torch.nn.functional.linear_cross_entropy`, up to rounding:
/// `cross_entropy(input linear_weightᵀ + linear_bias, target)`.
///
/// `input`: (batch, in_features). `linear_weight`: (classes, in_features). `linear_bias`: (classes,). `target`: (batch,),
/// int64, the class of each example; -100 ignores an example.
///
/// The matrix products are libtorch's. Everything between them (log-softmax, its gradient, the gradient of the bias) is one
/// pass over the scores, which are overwritten by their gradients. With a large vocabulary this takes less time and a third of
/// the memory. There are no second derivatives.
///
/// The separate operations run for other dtypes and devices, for [`Reduction::None`], and without examples.
///
/// ```
/// use tch::{Device, Kind, Reduction, Tensor};
/// use torch_ext::nn::linear_cross_entropy;
///
/// # fn main() -> torch_ext::Result<()> {
/// let hidden = Tensor::ones([2, 3], (Kind::Float, Device::Cpu));
/// let weight = Tensor::zeros([4, 3], (Kind::Float, Device::Cpu)).set_requires_grad(true);
/// let loss = linear_cross_entropy(&hidden, &weight, &Tensor::from_slice(&[3i64, 0]), None, Reduction::Mean)?;
/// torch_ext::autograd::backward(&loss)?;
/// assert_eq!(loss.double_value(&[]) as f32, 4f32.ln()); // all four classes are equally likely
/// assert_eq!(weight.grad().select(1, 0), Tensor::from_slice(&[-0.25f32, 0.25, 0.25, -0.25]));
/// # Ok(()) }
/// ```
///
/// # Errors
/// If the shapes do not fit, or a target is not a class.
pub fn linear_cross_entropy(
    input: &Tensor,
    linear_weight: &Tensor,
    target: &Tensor,
    linear_bias: Option<&Tensor>,
    reduction: Reduction,
) -> Result<Tensor> {
    let reduction_is_sum = match reduction {
        Reduction::Sum => true,
        Reduction::Mean => false,
        _ => return separate(input, linear_weight, target, linear_bias, reduction),
    };
    let floats = [Some(input), Some(linear_weight), linear_bias].into_iter().flatten();
    let plain = |tensor: &Tensor, kind| tensor.device() == Device::Cpu && tensor.kind() == kind && !tensor.is_sparse();
    let fits = input.dim() == 2 && input.numel() > 0 && linear_weight.dim() == 2 && linear_weight.numel() > 0;
    let fits = fits && target.size() == input.size()[..1] && plain(target, Kind::Int64);
    if !fits || !floats.into_iter().all(|tensor| plain(tensor, Kind::Float)) {
        return separate(input, linear_weight, target, linear_bias, reduction);
    }

    let mut inputs = vec![input, linear_weight];
    inputs.extend(linear_bias);
    let is_recording = autograd::is_recording(&inputs);
    let mut scores = no_grad(|| input.f_linear(linear_weight, linear_bias))?.f_contiguous()?;
    let targets = Vec::<i64>::try_from(target)?;
    let mut losses = vec![0.0; targets.len()];
    let mut column_sums = vec![0.0; if is_recording { linear_weight.size()[0] as usize } else { 0 }];
    let threads = TorchThreads::default();
    let arguments = CrossEntropy {
        // SAFETY: `scores` was made above. Nothing else has a handle to it, and the slice ends before it is used again.
        scores: unsafe { f32_slice_mut(&mut scores)? },
        targets: &targets,
        losses: &mut losses,
        column_sums: is_recording.then_some(&mut column_sums),
    };
    rnn_kernels::cross_entropy(InstructionSet::chosen()?, arguments, &threads).map_err(index_error)?;
    threads.result()?;

    let examples = targets.iter().filter(|&&target| target != IGNORE_INDEX).count();
    let factor = if reduction_is_sum { 1.0 } else { 1.0 / examples as f64 };
    let sum: f64 = losses.into_iter().map(f64::from).sum();
    let mean = if reduction_is_sum { sum } else { sum / examples as f64 };
    let loss = Tensor::from(mean as f32);
    if !is_recording {
        return Ok(loss);
    }
    let (gradients, column_sums) = (scores, Tensor::from_slice(&column_sums));
    let (x, weight, count) = (input.shallow_clone(), linear_weight.shallow_clone(), inputs.len());
    let mut outputs = autograd::record("LinearCrossEntropy", &inputs, vec![loss], move |backward| {
        let mut results: Vec<Option<Tensor>> = (0..count).map(|_| None).collect();
        let Some(grad) = backward.grad(0) else { return Ok(results) };
        let factor = factor * grad.f_double_value(&[])?;
        if backward.needs(0) {
            results[0] = Some(gradients.f_mm(&weight)?.f_mul_scalar_(factor)?);
        }
        if backward.needs(1) {
            results[1] = Some(gradients.f_transpose(0, 1)?.f_mm(&x.f_mul_scalar(factor)?)?);
        }
        if backward.needs(2) {
            results[2] = Some(column_sums.f_mul_scalar(factor)?);
        }
        Ok(results)
    })?;
    Ok(outputs.remove(0))
}

/// The two operations.
fn separate(
    input: &Tensor,
    linear_weight: &Tensor,
    target: &Tensor,
    linear_bias: Option<&Tensor>,
    reduction: Reduction,
) -> Result<Tensor> {
    cross_entropy(&input.f_linear(linear_weight, linear_bias)?, target, reduction)
}

/// torch's message for a target that is not a class.
fn index_error(error: rnn_kernels::Error) -> Error {
    match error {
        rnn_kernels::Error::Target { target, .. } => Error::Torch(format!("Target {target} is out of bounds.")),
        other => other.into(),
    }
}
