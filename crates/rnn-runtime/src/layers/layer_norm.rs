use ndarray::{Array, ArrayView, Dimension};

use crate::arrays::{array, product, row_major};
use crate::error::{Error, Result};
use crate::state_dict::StateDict;
use crate::weights::{Weights, shape_text};

/// Equivalent of `torch.nn.LayerNorm`: `y = (x - mean) / sqrt(variance + eps) * weight + bias`.
///
/// Mean and (biased) variance are those of the last dimensions, which have the shape of `weight`.
#[doc(alias = "torch.nn.LayerNorm")]
#[derive(Debug, Clone)]
pub struct LayerNorm {
    normalized_shape: Vec<usize>,
    weight: Vec<f32>,
    bias: Option<Vec<f32>>,
    eps: f64,
}

impl LayerNorm {
    /// Builds the layer from `weight`, of the shape that is normalized, and `bias`, of the same shape, if there is one.
    ///
    /// # Errors
    /// [`Error::Weights`] with every weight that is missing or does not fit.
    pub fn from_state_dict(weights: &StateDict) -> Result<LayerNorm> {
        let mut weights = Weights::new(weights, "LayerNorm");
        let normalized_shape = weights.tensor("weight").map_or(&[][..], |weight| weight.shape()).to_vec();
        let weight = weights.with_dimensions("weight", normalized_shape.len().max(1));
        let bias = weights.optional("bias", &normalized_shape);
        weights.finish()?;
        Ok(LayerNorm { normalized_shape, weight, bias, eps: 1e-5 })
    }

    /// The number that is added to the variance; 1e-5 without this call.
    pub fn with_eps(self, eps: f64) -> LayerNorm {
        LayerNorm { eps, ..self }
    }

    /// Normalizes the last dimensions of `x`.
    ///
    /// # Errors
    /// [`Error::InputShape`] if the last dimensions do not have the shape of `weight`; [`Error::OutOfMemory`].
    pub fn forward<D: Dimension>(&self, x: ArrayView<'_, f32, D>) -> Result<Array<f32, D>> {
        if !x.shape().ends_with(&self.normalized_shape) {
            let sizes = shape_text(&self.normalized_shape);
            let expected = format!("[.., {}", sizes.trim_start_matches('['));
            return Err(Error::InputShape { layer: "LayerNorm", expected, got: x.shape().to_vec() });
        }
        let mut numbers = row_major(&x)?.into_owned();
        let count = product(&self.normalized_shape);
        for row in numbers.chunks_exact_mut(count) {
            let mean = row.iter().map(|x| f64::from(*x)).sum::<f64>() / count as f64;
            let variance = row.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / count as f64;
            let scale = 1.0 / (variance + self.eps).sqrt();
            for (i, (x, weight)) in row.iter_mut().zip(&self.weight).enumerate() {
                let bias = self.bias.as_ref().map_or(0.0, |bias| f64::from(bias[i]));
                *x = ((f64::from(*x) - mean) * scale * f64::from(*weight) + bias) as f32;
            }
        }
        array(x.raw_dim(), numbers)
    }
}
