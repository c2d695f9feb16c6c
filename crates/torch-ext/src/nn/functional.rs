use tch::{Reduction, Tensor};

use crate::error::Result;

/// Equivalent of `torch.nn.CrossEntropyLoss(reduction=..)`: `-log softmax(output)[target]`.
///
/// `output`: one score for each class, (batch, classes). `target`: the class of each example, (batch,), int64.
///
/// # Errors
/// If the shapes do not fit, or a target is not a class.
pub fn cross_entropy(output: &Tensor, target: &Tensor, reduction: Reduction) -> Result<Tensor> {
    Ok(output.f_cross_entropy_loss(target, None::<Tensor>, reduction, -100, 0.0)?)
}

/// Equivalent of `torch.nn.MSELoss(reduction=..)`: `(input - target)^2`.
///
/// # Errors
/// If the shapes do not fit.
pub fn mse_loss(input: &Tensor, target: &Tensor, reduction: Reduction) -> Result<Tensor> {
    Ok(input.f_mse_loss(target, reduction)?)
}
