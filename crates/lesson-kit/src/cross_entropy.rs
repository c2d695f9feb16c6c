//! `torch.nn.CrossEntropyLoss`, for the lessons that choose among classes.

use anyhow::Result;
use tch::{Reduction, Tensor};

/// `-log softmax(output)[target]`, its mean over the batch or its sum: `nn.CrossEntropyLoss(reduction=..)`.
///
/// `output` holds a score for each class, (batch, classes); `target` the class, (batch,), int64.
///
/// # Errors
/// If the shapes do not fit.
pub fn cross_entropy(output: &Tensor, target: &Tensor, reduction: Reduction) -> Result<Tensor> {
    Ok(output.f_cross_entropy_loss(target, None::<Tensor>, reduction, -100, 0.0)?)
}
