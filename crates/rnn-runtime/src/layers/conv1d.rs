use ndarray::{Array, ArrayView, Dimension};

use crate::arrays::{array, product, row_major, zeros};
use crate::error::{Error, Result};
use crate::product::affine;
use crate::state_dict::StateDict;
use crate::weights::Weights;

/// Positions of the output that are computed together: their windows of the input stay in the cache.
const POSITIONS: usize = 64;

/// The options of a [`Conv1d`] that its weights do not determine, with torch's names and defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv1dOptions {
    stride: usize,
    padding: Padding,
    dilation: usize,
    groups: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Padding {
    Zeros(usize),
    Same,
}

impl Default for Conv1dOptions {
    fn default() -> Conv1dOptions {
        Conv1dOptions { stride: 1, padding: Padding::Zeros(0), dilation: 1, groups: 1 }
    }
}

impl Conv1dOptions {
    /// Distance of two windows; 1 by default.
    pub fn stride(self, stride: usize) -> Conv1dOptions {
        Conv1dOptions { stride, ..self }
    }

    /// Number of zeros on each side of the input; 0 by default.
    pub fn padding(self, padding: usize) -> Conv1dOptions {
        Conv1dOptions { padding: Padding::Zeros(padding), ..self }
    }

    /// As many zeros that the output has the length of the input: `padding="same"`. The stride must be 1.
    pub fn padding_same(self) -> Conv1dOptions {
        Conv1dOptions { padding: Padding::Same, ..self }
    }

    /// Distance of two elements of a window; 1 by default.
    pub fn dilation(self, dilation: usize) -> Conv1dOptions {
        Conv1dOptions { dilation, ..self }
    }

    /// Number of groups of channels, each convolved alone; 1 by default.
    pub fn groups(self, groups: usize) -> Conv1dOptions {
        Conv1dOptions { groups, ..self }
    }
}

/// Equivalent of `torch.nn.Conv1d` with padding of zeros:
/// `y[o, t] = bias[o] + sum of weight[o, c, k] * x[c, t * stride + k * dilation - padding]` over c and k.
#[doc(alias = "torch.nn.Conv1d")]
#[derive(Debug, Clone)]
pub struct Conv1d {
    weight: Vec<f32>,
    bias: Option<Vec<f32>>,
    out_channels: usize,
    /// Input channels of a group.
    group_channels: usize,
    kernel_size: usize,
    options: Conv1dOptions,
}

impl Conv1d {
    /// Builds the layer from `weight`, (out_channels, in_channels / groups, kernel_size), and `bias`, (out_channels), if
    /// there is one.
    ///
    /// # Errors
    /// - [`Error::Weights`] with every weight that is missing or does not fit.
    /// - [`Error::Setting`] for an option of 0, `padding_same` with another stride than 1, or groups that do not divide
    ///   the channels.
    pub fn from_state_dict(weights: &StateDict, options: Conv1dOptions) -> Result<Conv1d> {
        let mut weights = Weights::new(weights, "Conv1d");
        let weight = weights.with_dimensions("weight", 3);
        let [out_channels, group_channels, kernel_size] = weights.shape("weight").unwrap_or_default();
        let bias = weights.optional("bias", &[out_channels]);
        weights.finish()?;
        let setting = |problem: String| Err(Error::Setting { layer: "Conv1d", problem });
        let Conv1dOptions { stride, padding, dilation, groups } = options;
        for (name, value) in [("stride", stride), ("dilation", dilation), ("groups", groups)] {
            if value == 0 {
                return setting(format!("{name} must be greater than zero"));
            }
        }
        if padding == Padding::Same && stride != 1 {
            return setting(format!("padding='same' is not supported for strided convolutions, got stride {stride}"));
        }
        if !out_channels.is_multiple_of(groups) {
            return setting(format!("out_channels must be divisible by groups, got {out_channels} and {groups}"));
        }
        Ok(Conv1d { weight, bias, out_channels, group_channels, kernel_size, options })
    }

    /// Convolves `x`, (batch, in_channels, length) or (in_channels, length).
    ///
    /// # Errors
    /// [`Error::InputShape`] for another shape, or if the padded input is shorter than a window; [`Error::OutOfMemory`].
    pub fn forward<D: Dimension>(&self, x: ArrayView<'_, f32, D>) -> Result<Array<f32, D>> {
        let Conv1dOptions { stride, dilation, groups, .. } = self.options;
        let in_channels = self.group_channels.saturating_mul(groups);
        let wrong = |expected: String| Error::InputShape { layer: "Conv1d", expected, got: x.shape().to_vec() };
        let (batch, length) = match *x.shape() {
            [channels, length] if channels == in_channels => (1, length),
            [batch, channels, length] if channels == in_channels => (batch, length),
            _ => return Err(wrong(format!("[batch, {in_channels}, length] or [{in_channels}, length]"))),
        };
        let out_of_memory = Error::OutOfMemory { bytes: usize::MAX };
        // A window covers `reach` + 1 elements of the padded input.
        let Some(reach) = (self.kernel_size - 1).checked_mul(dilation) else { return Err(out_of_memory) };
        let (before, after) = match self.options.padding {
            Padding::Zeros(padding) => (padding, padding),
            Padding::Same => (reach / 2, reach - reach / 2),
        };
        let padded = before.checked_add(after).and_then(|zeros| zeros.checked_add(length));
        let Some(padded) = padded else { return Err(out_of_memory) };
        if padded <= reach {
            return Err(wrong(format!("[.., {in_channels}, length] with a padded length above {reach}")));
        }
        let positions = (padded - reach - 1) / stride + 1;
        let mut shape = x.raw_dim();
        let dimensions = shape.ndim();
        shape[dimensions - 2] = self.out_channels;
        shape[dimensions - 1] = positions;
        let mut y = zeros(product(shape.slice()))?;
        let x = row_major(&x)?;
        for sample in 0..batch {
            for group in 0..groups {
                let x = &x[(sample * groups + group) * self.group_channels * length..][..self.group_channels * length];
                let channels = self.out_channels / groups;
                let y = &mut y[(sample * groups + group) * channels * positions..][..channels * positions];
                self.convolve(group, x, length, before, y, positions)?;
            }
        }
        array(shape, y)
    }

    /// One sample and group: `x` is (channels, length), `y` is (channels, positions).
    fn convolve(
        &self,
        group: usize,
        x: &[f32],
        length: usize,
        before: usize,
        y: &mut [f32],
        positions: usize,
    ) -> Result<()> {
        let Conv1dOptions { stride, dilation, groups, .. } = self.options;
        let (channels, window) = (self.out_channels / groups, self.group_channels * self.kernel_size);
        let weight = &self.weight[group * channels * window..][..channels * window];
        let bias = self.bias.as_ref().map(|bias| &bias[group * channels..][..channels]);
        let block = POSITIONS.min(positions);
        let (mut windows, mut products) = (zeros(product(&[block, window]))?, zeros(product(&[block, channels]))?);
        for first in (0..positions).step_by(block.max(1)) {
            let count = block.min(positions - first);
            for (i, window) in windows.chunks_exact_mut(window).take(count).enumerate() {
                for (channel, window) in window.chunks_exact_mut(self.kernel_size).enumerate() {
                    for (k, element) in window.iter_mut().enumerate() {
                        let at = ((first + i) * stride + k * dilation).checked_sub(before).filter(|at| *at < length);
                        *element = at.map_or(0.0, |at| x[channel * length + at]);
                    }
                }
            }
            let products = &mut products[..count * channels];
            affine(&windows[..count * window], weight, bias, products, window, channels);
            for (i, product) in products.chunks_exact(channels).enumerate() {
                product.iter().enumerate().for_each(|(channel, value)| y[channel * positions + first + i] = *value);
            }
        }
        Ok(())
    }
}
