use std::borrow::Borrow;
use std::fmt;

use tch::{Tensor, nn::Path};

use crate::error::{Error, Result};

/// Equivalent of `torch.nn.Linear`: `y = x Wᵀ + b`.
#[derive(Debug)]
pub struct Linear {
    /// Shape `(out_features, in_features)`.
    pub weight: Tensor,
    /// Shape `(out_features,)`.
    pub bias: Tensor,
}

impl Linear {
    /// Makes a layer with torch's initialisation: the same seed gives the same bits, on every device.
    ///
    /// `reset_parameters` draws the weight from `kaiming_uniform_(a=sqrt(5))` and then the bias from
    /// `U(-1/sqrt(in), 1/sqrt(in))`. Both bounds are the same number in exact arithmetic. In `f64` the first one
    /// needs torch's order of operations to give torch's bits.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a size below 1.
    pub fn new<'a>(path: impl Borrow<Path<'a>>, in_features: i64, out_features: i64) -> Result<Linear> {
        if in_features < 1 || out_features < 1 {
            let message = format!("Linear({in_features}, {out_features}): both sizes must be at least 1");
            return Err(Error::InvalidArgument(message));
        }
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

impl fmt::Display for Linear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.weight.size();
        write!(f, "Linear(in_features={}, out_features={}, bias=True)", size[1], size[0])
    }
}

/// Draws a parameter on the CPU and then copies it to the path's device, as `module.to(device)` does.
fn uniform(path: &Path<'_>, name: &str, shape: &[i64], bound: f64) -> Result<Tensor> {
    let drawn = Tensor::f_empty(shape, tch::kind::FLOAT_CPU)?.f_uniform_(-bound, bound)?;
    Ok(path.f_var_copy(name, &drawn)?)
}
