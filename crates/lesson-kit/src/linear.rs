//! `torch.nn.Linear`, for the lessons' output layers.

use std::borrow::Borrow;

use anyhow::{Result, ensure};
use tch::{Tensor, nn};

/// `y = x Wᵀ + b`.
#[derive(Debug)]
pub struct Linear {
    /// Shape `(out_features, in_features)`.
    pub weight: Tensor,
    /// Shape `(out_features,)`.
    pub bias: Tensor,
}

impl Linear {
    /// A layer with torch's initialisation: the same seed gives the same bits.
    ///
    /// `reset_parameters` draws the weight from `kaiming_uniform_(a=sqrt(5))` and then the bias from
    /// `U(-1/sqrt(in), 1/sqrt(in))`. The first bound is the same number in exact arithmetic; in `f64` it takes torch's
    /// order of operations to get torch's bits.
    ///
    /// # Errors
    /// If a size is not positive.
    pub fn new<'a>(path: impl Borrow<nn::Path<'a>>, in_features: i64, out_features: i64) -> Result<Linear> {
        ensure!(
            in_features > 0 && out_features > 0,
            "Linear({in_features}, {out_features}): both sizes must be at least 1"
        );
        let path = path.borrow();
        let fan_in = in_features as f64;
        let gain = (2.0 / (1.0 + 5f64.sqrt().powi(2))).sqrt();
        let weight = uniform(path, "weight", &[out_features, in_features], 3f64.sqrt() * (gain / fan_in.sqrt()))?;
        let bias = uniform(path, "bias", &[out_features], 1.0 / fan_in.sqrt())?;
        Ok(Linear { weight, bias })
    }

    /// `(.., in_features)` to `(.., out_features)`.
    ///
    /// # Errors
    /// If the last dimension of `input` is not `in_features`.
    pub fn forward(&self, input: &Tensor) -> Result<Tensor> {
        Ok(input.f_linear(&self.weight, Some(&self.bias))?)
    }

    /// The parameters under torch's names, in torch's order.
    pub fn named_parameters(&self) -> Vec<(String, Tensor)> {
        [("weight", &self.weight), ("bias", &self.bias)]
            .map(|(name, tensor)| (name.to_owned(), tensor.shallow_clone()))
            .into()
    }
}

/// Drawn on the CPU and then moved, as `module.to(device)` does: a seed means the same weights on every device.
fn uniform(path: &nn::Path<'_>, name: &str, shape: &[i64], bound: f64) -> Result<Tensor> {
    let drawn = Tensor::f_empty(shape, tch::kind::FLOAT_CPU)?.f_uniform_(-bound, bound)?;
    Ok(path.f_var_copy(name, &drawn)?)
}
