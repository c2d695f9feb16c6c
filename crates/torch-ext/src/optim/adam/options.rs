//! The options and the state of Adam.

use tch::Tensor;

use crate::error::{Error, Result};

/// Options of [`Adam`](crate::optim::Adam); the defaults are torch's.
#[derive(Debug, Clone, PartialEq)]
pub struct AdamOptions {
    /// Learning rate, 1e-3.
    pub lr: f64,
    /// Decay rates of the running averages of the gradient and of its square, (0.9, 0.999).
    pub betas: (f64, f64),
    /// Added to the denominator, 1e-8.
    pub eps: f64,
    /// Weight decay, 0.
    pub weight_decay: f64,
    /// Divide by the largest running average so far instead of the current one.
    pub amsgrad: bool,
    /// Maximize the objective instead of minimizing it.
    pub maximize: bool,
    /// Decay the weights directly instead of through the gradient, as [`AdamW`](crate::optim::AdamW) does.
    pub decoupled_weight_decay: bool,
    /// Use libtorch's fused kernel: the results equal those of Python's `fused=True` to the bit. They differ in the last bit from
    /// the results without it. Parameters on a GPU always use the fused kernel.
    pub fused: bool,
}

impl Default for AdamOptions {
    fn default() -> Self {
        AdamOptions {
            lr: 1e-3,
            betas: (0.9, 0.999),
            eps: 1e-8,
            weight_decay: 0.0,
            amsgrad: false,
            maximize: false,
            decoupled_weight_decay: false,
            fused: false,
        }
    }
}

/// The state of a parameter in Adam. The tensors have the parameter's shape.
#[derive(Debug)]
pub struct AdamState {
    /// The number of steps so far.
    pub step: u64,
    /// Running average of the gradient.
    pub exp_avg: Tensor,
    /// Running average of the gradient's square.
    pub exp_avg_sq: Tensor,
    /// The largest `exp_avg_sq` so far; only with `amsgrad`.
    pub max_exp_avg_sq: Option<Tensor>,
}

impl AdamState {
    /// The state of `param`; zeros before the first step.
    pub(super) fn get_or_new<'a>(
        param: &Tensor,
        state: &'a mut Option<AdamState>,
        amsgrad: bool,
    ) -> Result<&'a mut AdamState> {
        Ok(match state {
            Some(state) => state,
            None => state.insert(AdamState::new(param, amsgrad)?),
        })
    }

    pub(super) fn new(param: &Tensor, amsgrad: bool) -> Result<AdamState> {
        Ok(AdamState {
            step: 0,
            exp_avg: param.f_zeros_like()?,
            exp_avg_sq: param.f_zeros_like()?,
            max_exp_avg_sq: if amsgrad { Some(param.f_zeros_like()?) } else { None },
        })
    }
}

/// The learning rate and the divisor of the root, after the bias correction of a step.
#[derive(Debug, Clone, Copy)]
pub(super) struct BiasCorrected {
    pub(super) step: u64,
    pub(super) step_size: f64,
    pub(super) denom: f64,
}

impl BiasCorrected {
    pub(super) fn at(step: u64, options: &AdamOptions) -> BiasCorrected {
        let correction = |beta: f64| 1.0 - beta.powf(step as f64);
        let (beta1, beta2) = options.betas;
        BiasCorrected { step, step_size: options.lr / correction(beta1), denom: correction(beta2).powf(0.5) }
    }
}

pub(super) fn reject_sparse(grad: &Tensor) -> Result<()> {
    if grad.is_sparse() {
        let message = "Adam does not support sparse gradients, please consider SparseAdam instead";
        return Err(Error::Torch(message.to_owned()));
    }
    Ok(())
}
