//! AdamW: Adam with decoupled weight decay.

use pt_file::Dict;
use tch::Tensor;

use super::{AdamOptions, AdamState};
use crate::error::Result;
use crate::optim::dict_reader::DictReader;
use crate::optim::optimizer::Rule;

/// Options of [`AdamW`](crate::optim::AdamW); the defaults are torch's.
#[derive(Debug, Clone, PartialEq)]
pub struct AdamWOptions {
    /// Learning rate, 1e-3.
    pub lr: f64,
    /// Decay rates of the running averages of the gradient and of its square, (0.9, 0.999).
    pub betas: (f64, f64),
    /// Added to the denominator, 1e-8.
    pub eps: f64,
    /// Weight decay, 1e-2: each step multiplies the weights by `1 - lr * weight_decay`.
    pub weight_decay: f64,
    /// Divide by the largest running average so far instead of the current one.
    pub amsgrad: bool,
    /// Maximize the objective instead of minimizing it.
    pub maximize: bool,
    /// Use libtorch's fused kernel, as [`AdamOptions::fused`].
    pub fused: bool,
}

impl Default for AdamWOptions {
    fn default() -> Self {
        let AdamOptions { lr, betas, eps, amsgrad, maximize, fused, .. } = AdamOptions::default();
        AdamWOptions { lr, betas, eps, weight_decay: 1e-2, amsgrad, maximize, fused }
    }
}

/// The same options of Adam, with `decoupled_weight_decay`. torch's AdamW is a subclass of Adam, too.
impl From<&AdamWOptions> for AdamOptions {
    fn from(options: &AdamWOptions) -> AdamOptions {
        let AdamWOptions { lr, betas, eps, weight_decay, amsgrad, maximize, fused } = *options;
        AdamOptions { lr, betas, eps, weight_decay, amsgrad, maximize, decoupled_weight_decay: true, fused }
    }
}

impl Rule for AdamWOptions {
    type State = AdamState;

    fn lr_mut(&mut self) -> &mut f64 {
        &mut self.lr
    }

    fn momentum_mut(&mut self) -> Option<&mut f64> {
        Some(&mut self.betas.0)
    }

    fn validate(&self) -> Result<()> {
        AdamOptions::from(self).validate()
    }

    fn update(&self, param: &mut Tensor, grad: &Tensor, state: &mut Option<AdamState>) -> Result<()> {
        AdamOptions::from(self).update(param, grad, state)
    }

    fn update_group(&self, params: &mut [Tensor], states: &mut [Option<AdamState>]) -> Result<()> {
        AdamOptions::from(self).update_group(params, states)
    }

    fn group(&self) -> Dict {
        AdamOptions::from(self).group()
    }

    /// As in Python, AdamW decouples the weight decay whatever the saved group has.
    fn from_group(group: &DictReader<'_>) -> Result<Self> {
        let AdamOptions { lr, betas, eps, weight_decay, amsgrad, maximize, fused, .. } =
            AdamOptions::from_group(group)?;
        Ok(AdamWOptions { lr, betas, eps, weight_decay, amsgrad, maximize, fused })
    }

    fn save(state: &AdamState) -> Result<Dict> {
        AdamOptions::save(state)
    }

    fn load(saved: &DictReader<'_>, param: &Tensor) -> Result<AdamState> {
        AdamOptions::load(saved, param)
    }
}
