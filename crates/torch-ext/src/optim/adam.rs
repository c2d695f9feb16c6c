//! Adam (Kingma and Ba, 2015) and AdamW (Loshchilov and Hutter, 2019), after `_single_tensor_adam` of torch/optim/adam.py.

use tch::Tensor;

use super::{Rule, ops};
use crate::error::{Error, Result};

/// Options of [`Adam`](super::Adam); the defaults are torch's.
#[derive(Debug, Clone, PartialEq)]
pub struct AdamOptions {
    /// Learning rate, 1e-3.
    pub lr: f64,
    /// Decay of the running averages of the gradient and of its square, (0.9, 0.999).
    pub betas: (f64, f64),
    /// Added to the denominator, 1e-8.
    pub eps: f64,
    /// Weight decay, 0.
    pub weight_decay: f64,
    /// Divide by the largest running average so far instead of the present one.
    pub amsgrad: bool,
    /// Ascend instead of descend.
    pub maximize: bool,
    /// Decay the weights themselves and not by way of the gradient: AdamW (whose default weight decay is 1e-2).
    pub decoupled_weight_decay: bool,
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
        }
    }
}

/// What Adam remembers of a parameter; the tensors have its shape.
#[derive(Debug)]
pub struct AdamState {
    /// Steps taken.
    pub step: u64,
    /// Running average of the gradient.
    pub exp_avg: Tensor,
    /// Running average of its square.
    pub exp_avg_sq: Tensor,
    /// The largest `exp_avg_sq` so far; with `amsgrad` only.
    pub max_exp_avg_sq: Option<Tensor>,
}

impl AdamState {
    fn new(param: &Tensor, amsgrad: bool) -> Result<AdamState> {
        Ok(AdamState {
            step: 0,
            exp_avg: param.f_zeros_like()?,
            exp_avg_sq: param.f_zeros_like()?,
            max_exp_avg_sq: if amsgrad { Some(param.f_zeros_like()?) } else { None },
        })
    }
}

impl Rule for AdamOptions {
    type State = AdamState;

    fn validate(&self) -> Result<()> {
        let refuse = |what: &str, value: f64| Err(Error::Optimizer(format!("Invalid {what}: {value:?}")));
        // Written so that NaN is refused, as torch writes it.
        let at_least_zero = |value: f64| value >= 0.0;
        let is_decay = |beta: f64| (0.0..1.0).contains(&beta);
        match self {
            _ if !at_least_zero(self.lr) => refuse("learning rate", self.lr),
            _ if !at_least_zero(self.eps) => refuse("epsilon value", self.eps),
            _ if !is_decay(self.betas.0) => refuse("beta parameter at index 0", self.betas.0),
            _ if !is_decay(self.betas.1) => refuse("beta parameter at index 1", self.betas.1),
            _ if !at_least_zero(self.weight_decay) => refuse("weight_decay value", self.weight_decay),
            _ => Ok(()),
        }
    }

    fn update(&self, param: &mut Tensor, grad: &Tensor, state: &mut Option<AdamState>) -> Result<()> {
        let AdamOptions { lr, betas: (beta1, beta2), eps, weight_decay, .. } = *self;
        let state = match state {
            Some(state) => state,
            None => state.insert(AdamState::new(param, self.amsgrad)?),
        };
        let mut grad = if self.maximize { grad.f_neg()? } else { grad.shallow_clone() };

        state.step += 1;
        if weight_decay != 0.0 {
            if self.decoupled_weight_decay {
                let _ = param.f_mul_scalar_(1.0 - lr * weight_decay)?;
            } else {
                grad = ops::add(&grad, param, weight_decay)?;
            }
        }

        let _ = state.exp_avg.f_lerp_(&grad, 1.0 - beta1)?;
        let _ = state.exp_avg_sq.f_mul_scalar_(beta2)?;
        ops::addcmul_(&mut state.exp_avg_sq, &grad, &grad, 1.0 - beta2)?;

        let step = state.step as f64;
        let bias_correction1 = 1.0 - beta1.powf(step);
        let bias_correction2 = 1.0 - beta2.powf(step);
        let step_size = lr / bias_correction1;
        let second_moment = match &mut state.max_exp_avg_sq {
            Some(max) => {
                let larger = max.f_maximum(&state.exp_avg_sq)?;
                max.f_copy_(&larger)?;
                max
            }
            None => &mut state.exp_avg_sq,
        };
        let mut denom = second_moment.f_sqrt()?.f_div_scalar(bias_correction2.powf(0.5))?;
        let _ = denom.f_add_scalar_(eps)?;
        ops::addcdiv_(param, &state.exp_avg, &denom, -step_size)
    }
}
