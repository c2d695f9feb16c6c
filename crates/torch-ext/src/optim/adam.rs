//! Adam (Kingma and Ba, 2015) and AdamW (Loshchilov and Hutter, 2019), after torch/optim/adam.py.
//!
//! [`AdamOptions::update`] is `_single_tensor_adam`, operation by operation, for whatever tensors. [`exact`] computes the
//! same bits for plain parameters in one pass, [`fused`] is `_fused_adam`.

mod exact;
mod fused;

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
    /// Let one libtorch kernel update everything, as `fused=True` in Python. Its results are those of `fused=True` to the
    /// bit; from those without they come to differ in the last bit. Parameters on a GPU are updated so in any case.
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
    /// The state of `param`, zeros at first.
    fn of<'a>(param: &Tensor, state: &'a mut Option<AdamState>, amsgrad: bool) -> Result<&'a mut AdamState> {
        Ok(match state {
            Some(state) => state,
            None => state.insert(AdamState::new(param, amsgrad)?),
        })
    }

    fn new(param: &Tensor, amsgrad: bool) -> Result<AdamState> {
        Ok(AdamState {
            step: 0,
            exp_avg: param.f_zeros_like()?,
            exp_avg_sq: param.f_zeros_like()?,
            max_exp_avg_sq: if amsgrad { Some(param.f_zeros_like()?) } else { None },
        })
    }
}

/// What the bias corrections make of the learning rate and of the denominator at a step.
#[derive(Debug, Clone, Copy)]
struct BiasCorrected {
    step: u64,
    step_size: f64,
    denom: f64,
}

impl BiasCorrected {
    fn at(step: u64, options: &AdamOptions) -> BiasCorrected {
        let correction = |beta: f64| 1.0 - beta.powf(step as f64);
        let (beta1, beta2) = options.betas;
        BiasCorrected { step, step_size: options.lr / correction(beta1), denom: correction(beta2).powf(0.5) }
    }
}

fn refuse_sparse(grad: &Tensor) -> Result<()> {
    if grad.is_sparse() {
        let message = "Adam does not support sparse gradients, please consider SparseAdam instead";
        return Err(Error::Torch(message.to_owned()));
    }
    Ok(())
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
                return Err(Error::InvalidArgument(format!("Invalid beta parameter at index {index}: {beta:?}")));
            }
        }
        refuse_below_zero(&[("weight_decay value", self.weight_decay)])
    }

    fn update(&self, param: &mut Tensor, grad: &Tensor, state: &mut Option<AdamState>) -> Result<()> {
        refuse_sparse(grad)?;
        let AdamOptions { lr, betas: (beta1, beta2), eps, weight_decay, .. } = *self;
        let state = AdamState::of(param, state, self.amsgrad)?;
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

        let corrected = BiasCorrected::at(state.step, self);
        let second_moment = match &mut state.max_exp_avg_sq {
            Some(max) => {
                let larger = max.f_maximum(&state.exp_avg_sq)?;
                max.f_copy_(&larger)?;
                max
            }
            None => &mut state.exp_avg_sq,
        };
        let mut denom = second_moment.f_sqrt()?.f_div_scalar(corrected.denom)?;
        let _ = denom.f_add_scalar_(eps)?;
        ops::addcdiv_(param, &state.exp_avg, &denom, -corrected.step_size)
    }

    fn update_group(&self, params: &mut [Tensor], states: &mut [Option<AdamState>]) -> Result<()> {
        if self.fused || fused::are_better(params, states) {
            fused::update_group(self, params, states)
        } else {
            exact::update_group(self, params, states)
        }
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
        group.insert("fused", if self.fused { Value::Bool(true) } else { Value::None });
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
            fused: group.is_true("fused"),
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
