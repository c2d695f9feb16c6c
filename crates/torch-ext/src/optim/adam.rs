//! Adam (Kingma and Ba, 2015) and AdamW (Loshchilov and Hutter, 2019), after `_single_tensor_adam` of torch/optim/adam.py.

use pt_file::{Dict, Value};
use tch::Tensor;

use super::saved::{Saved, fault, number, saved_step, saved_tensor};
use super::{Rule, ops, refuse_below_zero};
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

    fn lr_mut(&mut self) -> &mut f64 {
        &mut self.lr
    }

    fn validate(&self) -> Result<()> {
        refuse_below_zero(&[("learning rate", self.lr), ("epsilon value", self.eps)])?;
        for (index, beta) in [self.betas.0, self.betas.1].into_iter().enumerate() {
            if !(0.0..1.0).contains(&beta) {
                return Err(Error::Optimizer(format!("Invalid beta parameter at index {index}: {beta:?}")));
            }
        }
        refuse_below_zero(&[("weight_decay value", self.weight_decay)])
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

    fn group(&self) -> Dict {
        let mut group = Dict::new();
        group.insert("lr", self.lr);
        group.insert("betas", Value::tuple([self.betas.0, self.betas.1]));
        group.insert("eps", self.eps);
        group.insert("weight_decay", number(self.weight_decay));
        group.insert("amsgrad", self.amsgrad);
        group.insert("maximize", self.maximize);
        group.insert("foreach", Value::None);
        group.insert("capturable", false);
        group.insert("differentiable", false);
        group.insert("fused", Value::None);
        group.insert("decoupled_weight_decay", self.decoupled_weight_decay);
        group
    }

    fn from_group(group: &Saved<'_>) -> Result<Self> {
        let betas = group.floats("betas")?;
        let [beta1, beta2] = betas[..] else {
            return Err(fault(format!("\"betas\" has {} entries, not 2", betas.len())));
        };
        Ok(AdamOptions {
            lr: group.float("lr")?,
            betas: (beta1, beta2),
            eps: group.float("eps")?,
            weight_decay: group.float("weight_decay")?,
            amsgrad: group.bool("amsgrad")?,
            maximize: group.bool_or("maximize", false)?,
            decoupled_weight_decay: group.bool_or("decoupled_weight_decay", false)?,
        })
    }

    fn save(state: &AdamState) -> Result<Dict> {
        let mut dict = Dict::new();
        dict.insert("step", saved_step(state.step));
        dict.insert("exp_avg", saved_tensor(&state.exp_avg)?);
        dict.insert("exp_avg_sq", saved_tensor(&state.exp_avg_sq)?);
        if let Some(max) = &state.max_exp_avg_sq {
            dict.insert("max_exp_avg_sq", saved_tensor(max)?);
        }
        Ok(dict)
    }

    fn load(saved: &Saved<'_>, param: &Tensor) -> Result<AdamState> {
        Ok(AdamState {
            step: saved.step()?,
            exp_avg: saved.tensor("exp_avg", param)?,
            exp_avg_sq: saved.tensor("exp_avg_sq", param)?,
            max_exp_avg_sq: saved.tensor_or_none("max_exp_avg_sq", param)?,
        })
    }
}
