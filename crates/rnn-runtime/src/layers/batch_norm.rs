use ndarray::{Array, ArrayView, Dimension};

use crate::arrays::{array, product, row_major};
use crate::error::{Error, Result};
use crate::state_dict::StateDict;
use crate::weights::{ANY, Weights};

/// Equivalent of `torch.nn.BatchNorm1d` in evaluation mode:
/// `y = (x - running_mean) / sqrt(running_var + eps) * weight + bias`, for each channel.
#[doc(alias = "torch.nn.BatchNorm1d")]
#[derive(Debug, Clone)]
pub struct BatchNorm1d {
    mean: Vec<f32>,
    variance: Vec<f32>,
    /// Weight and bias; `None` for affine=False.
    affine: Option<(Vec<f32>, Vec<f32>)>,
    eps: f64,
}

impl BatchNorm1d {
    /// Builds the layer from `running_mean`, `running_var`, and `weight` and `bias` if there is one of the two: each
    /// (channels).
    ///
    /// # Errors
    /// [`Error::Weights`] with every weight that is missing or does not fit, or if a variance is negative.
    pub fn from_state_dict(weights: &StateDict) -> Result<BatchNorm1d> {
        let mut weights = Weights::new(weights, "BatchNorm1d");
        let named = |weights: &Weights<'_>, name| weights.shape::<1>(name).map(|[channels]| channels);
        let channels = ["running_mean", "running_var"].iter().find_map(|name| named(&weights, name)).unwrap_or(ANY);
        let mean = weights.of_shape("running_mean", &[channels]);
        let variance = weights.of_shape("running_var", &[channels]);
        if let Some(at) = variance.iter().position(|variance| *variance < 0.0) {
            weights.fault("running_var", format!("element {at} is negative, but a variance is not"));
        }
        let has_affine = ["weight", "bias"].iter().any(|name| weights.tensor(name).is_some());
        let affine =
            has_affine.then(|| (weights.of_shape("weight", &[channels]), weights.of_shape("bias", &[channels])));
        weights.finish()?;
        Ok(BatchNorm1d { mean, variance, affine, eps: 1e-5 })
    }

    /// The number that is added to the variance; 1e-5 without this call.
    pub fn with_eps(self, eps: f64) -> BatchNorm1d {
        BatchNorm1d { eps, ..self }
    }

    /// Normalizes `x`, (batch, channels) or (batch, channels, length).
    ///
    /// # Errors
    /// [`Error::InputShape`] for another shape; [`Error::OutOfMemory`].
    pub fn forward<D: Dimension>(&self, x: ArrayView<'_, f32, D>) -> Result<Array<f32, D>> {
        let channels = self.mean.len();
        if !matches!(x.ndim(), 2 | 3) || x.shape()[1] != channels {
            let expected = format!("[batch, {channels}] or [batch, {channels}, length]");
            return Err(Error::InputShape { layer: "BatchNorm1d", expected, got: x.shape().to_vec() });
        }
        let mut numbers = row_major(&x)?.into_owned();
        let length = product(&x.shape()[2..]);
        if !numbers.is_empty() {
            for (i, row) in numbers.chunks_exact_mut(length).enumerate() {
                let channel = i % channels;
                let (weight, bias) = self.affine.as_ref().map_or((1.0, 0.0), |(w, b)| (w[channel], b[channel]));
                let scale = f64::from(weight) / (f64::from(self.variance[channel]) + self.eps).sqrt();
                let (mean, bias) = (f64::from(self.mean[channel]), f64::from(bias));
                row.iter_mut().for_each(|x| *x = ((f64::from(*x) - mean) * scale + bias) as f32);
            }
        }
        array(x.raw_dim(), numbers)
    }
}
