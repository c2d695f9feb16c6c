use ndarray::{Array, ArrayView, Dimension};

use crate::arrays::{array, product, row_major, zeros};
use crate::error::{Error, Result};
use crate::product::affine;
use crate::state_dict::StateDict;
use crate::weights::Weights;

/// Equivalent of `torch.nn.Linear`: `y = x W^T + b`.
#[doc(alias = "torch.nn.Linear")]
#[derive(Debug, Clone)]
pub struct Linear {
    weight: Vec<f32>,
    bias: Option<Vec<f32>>,
    in_features: usize,
    out_features: usize,
}

impl Linear {
    /// Builds the layer from `weight`, (out_features, in_features), and `bias`, (out_features), if there is one.
    ///
    /// # Errors
    /// [`Error::Weights`] with every weight that is missing or does not fit.
    pub fn from_state_dict(weights: &StateDict) -> Result<Linear> {
        let mut weights = Weights::new(weights, "Linear");
        let weight = weights.with_dimensions("weight", 2);
        let [out_features, in_features] = weights.shape("weight").unwrap_or_default();
        let bias = weights.optional("bias", &[out_features]);
        weights.finish()?;
        Ok(Linear { weight, bias, in_features, out_features })
    }

    /// Maps `x`, (.., in_features) with any number of dimensions, to (.., out_features).
    ///
    /// # Errors
    /// [`Error::InputShape`] if the last dimension is not in_features; [`Error::OutOfMemory`].
    pub fn forward<D: Dimension>(&self, x: ArrayView<'_, f32, D>) -> Result<Array<f32, D>> {
        let last = x.ndim().checked_sub(1).filter(|last| x.shape()[*last] == self.in_features).ok_or_else(|| {
            let expected = format!("[.., {}]", self.in_features);
            Error::InputShape { layer: "Linear", expected, got: x.shape().to_vec() }
        })?;
        let mut shape = x.raw_dim();
        shape[last] = self.out_features;
        let mut y = zeros(product(shape.slice()))?;
        affine(&row_major(&x)?, &self.weight, self.bias.as_deref(), &mut y, self.in_features, self.out_features);
        array(shape, y)
    }

    /// Features of the input.
    pub fn in_features(&self) -> usize {
        self.in_features
    }

    /// Features of the output.
    pub fn out_features(&self) -> usize {
        self.out_features
    }
}
