//! A linear layer and the cross-entropy of its output, in one operation.

use rnn_kernels::{CrossEntropyTape, IGNORE_INDEX, InstructionSet, LinearCrossEntropy, LinearGradients};
use tch::{Device, Kind, Reduction, Tensor};

use super::cross_entropy;
use crate::autograd;
use crate::error::{Error, Result};
use crate::fused_rnn::TorchThreads;
use crate::fused_rnn::tensors::{NewTensor, as_slice, contiguous};
use crate::slices::f32_data;

/// Equivalent of `torch.nn.functional.linear_cross_entropy`, up to rounding:
/// `cross_entropy(input linear_weightᵀ + linear_bias, target)`.
///
/// `input`: (batch, in_features). `linear_weight`: (classes, in_features). `linear_bias`: (classes,). `target`: (batch,),
/// int64, the class of each example; -100 ignores an example.
///
/// The kernels of [`rnn_kernels::LinearCrossEntropy`] replace the scores by their gradients while they are in the cache. With
/// a large number of classes this takes less time and a third of the memory. There are no second derivatives.
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
    let mut floats = [Some(input), Some(linear_weight), linear_bias].into_iter().flatten();
    let fits = input.dim() == 2 && input.numel() > 0 && linear_weight.dim() == 2 && linear_weight.numel() > 0;
    let fits = fits && input.size()[1] == linear_weight.size()[1] && target.size() == input.size()[..1];
    let fits = fits && linear_bias.is_none_or(|bias| bias.size() == linear_weight.size()[..1]);
    let fits = fits && (target.kind(), target.device()) == (Kind::Int64, Device::Cpu);
    if !fits || !floats.all(|tensor| f32_data(tensor).is_ok()) {
        return separate(input, linear_weight, target, linear_bias, reduction);
    }

    let mut inputs = vec![input, linear_weight];
    inputs.extend(linear_bias);
    let is_recording = autograd::is_recording(&inputs);
    let targets = Vec::<i64>::try_from(target)?;
    let mut losses = vec![0.0; targets.len()];
    let tape = {
        let (x, weight, bias) =
            (contiguous(input)?, contiguous(linear_weight)?, linear_bias.map(contiguous).transpose()?);
        let arguments = LinearCrossEntropy {
            x: as_slice(&x)?,
            weight: as_slice(&weight)?,
            bias: bias.as_deref().map(as_slice).transpose()?,
            targets: &targets,
        };
        let (set, threads) = (InstructionSet::chosen()?, TorchThreads::default());
        let tape = if is_recording {
            arguments.forward_with_tape(set, &mut losses, &threads).map(Some)
        } else {
            arguments.forward(set, &mut losses, &threads).map(|()| None)
        };
        threads.result()?;
        tape.map_err(index_error)?
    };

    let counted = targets.iter().filter(|&&target| target != IGNORE_INDEX).count();
    let sum: f64 = losses.into_iter().map(f64::from).sum();
    // If all examples are ignored, the mean is NaN and its gradients are 0, as in torch.
    let (loss, factor) =
        if reduction_is_sum { (sum, 1.0) } else { (sum / counted as f64, 1.0 / counted.max(1) as f64) };
    let loss = Tensor::from(loss as f32);
    let Some(tape) = tape else { return Ok(loss) };
    let (x, weight, count) = (input.shallow_clone(), linear_weight.shallow_clone(), inputs.len());
    let mut outputs = autograd::record("LinearCrossEntropy", &inputs, vec![loss], move |backward| {
        let Some(grad) = backward.grad(0) else { return Ok((0..count).map(|_| None).collect()) };
        let factor = factor * grad.f_double_value(&[])?;
        let needed: Vec<bool> = (0..count).map(|input| backward.needs(input)).collect();
        Ok(gradients(&tape, &x, &weight, factor as f32, &needed)?)
    })?;
    Ok(outputs.remove(0))
}

/// The gradients of input, weight and, if there is one, bias that are needed.
fn gradients(
    tape: &CrossEntropyTape,
    x: &Tensor,
    weight: &Tensor,
    factor: f32,
    needed: &[bool],
) -> Result<Vec<Option<Tensor>>> {
    let (x, weight) = (contiguous(x)?, contiguous(weight)?);
    let size = |tensor: &Tensor| tensor.size().into_iter().map(|n| n as usize).collect::<Vec<_>>();
    let sizes = [size(&x), size(&weight), size(&weight)[..1].to_vec()];
    let mut results = Vec::new();
    for (size, needed) in sizes.iter().zip(needed) {
        results.push(if *needed { Some(NewTensor::new(size)?) } else { None });
    }
    let slices = results.iter_mut().map(|result| result.as_mut().map(NewTensor::as_mut_slice).transpose());
    let mut slices = slices.collect::<Result<Vec<_>>>()?.into_iter();
    let mut next = || slices.next().flatten();
    let (wanted, threads) = (LinearGradients { x: next(), weight: next(), bias: next() }, TorchThreads::default());
    tape.backward(as_slice(&x)?, as_slice(&weight)?, factor, wanted, &threads)?;
    threads.result()?;
    Ok(results.into_iter().map(|result| result.map(NewTensor::into_tensor)).collect())
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
