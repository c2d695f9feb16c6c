//! RMSprop (Hinton, 2012; centered: Graves, 2013); follows `_single_tensor_rmsprop` of torch/optim/rmsprop.py.

use pt_file::Dict;
use tch::Tensor;

use super::dict_reader::{DictReader, number, saved_step, saved_tensor};
use super::ops;
use super::optimizer::{Rule, reject_negative};
use crate::error::Result;

/// Options of [`RmsProp`](super::RmsProp); the defaults are torch's.
#[derive(Debug, Clone, PartialEq)]
pub struct RmsPropOptions {
    /// Learning rate, 1e-2.
    pub lr: f64,
    /// Momentum, 0.
    pub momentum: f64,
    /// Decay of the running average of the squared gradient, 0.99.
    pub alpha: f64,
    /// Added to the denominator, 1e-8.
    pub eps: f64,
    /// Divide by the root of the estimated variance instead of the second moment.
    pub centered: bool,
    /// Weight decay, 0.
    pub weight_decay: f64,
    /// Maximize the objective instead of minimizing it.
    pub maximize: bool,
}

impl Default for RmsPropOptions {
    fn default() -> Self {
        RmsPropOptions {
            lr: 1e-2,
            momentum: 0.0,
            alpha: 0.99,
            eps: 1e-8,
            centered: false,
            weight_decay: 0.0,
            maximize: false,
        }
    }
}

/// The state of a parameter in RMSprop. The tensors have the parameter's shape.
#[derive(Debug)]
pub struct RmsPropState {
    /// The number of steps so far.
    pub step: u64,
    /// Running average of the squared gradient.
    pub square_avg: Tensor,
    /// The momentum; only with `momentum`.
    pub momentum_buffer: Option<Tensor>,
    /// Running average of the gradient; only if `centered`.
    pub grad_avg: Option<Tensor>,
}

impl RmsPropState {
    fn new(param: &Tensor, options: &RmsPropOptions) -> Result<RmsPropState> {
        let zeros_if = |wanted: bool| Ok::<_, tch::TchError>(if wanted { Some(param.f_zeros_like()?) } else { None });
        Ok(RmsPropState {
            step: 0,
            square_avg: param.f_zeros_like()?,
            momentum_buffer: zeros_if(options.momentum > 0.0)?,
            grad_avg: zeros_if(options.centered)?,
        })
    }
}

impl Rule for RmsPropOptions {
    type State = RmsPropState;

    fn lr_mut(&mut self) -> &mut f64 {
        &mut self.lr
    }

    fn momentum_mut(&mut self) -> Option<&mut f64> {
        Some(&mut self.momentum)
    }

    fn validate(&self) -> Result<()> {
        reject_negative(&[
            ("learning rate", self.lr),
            ("epsilon value", self.eps),
            ("momentum value", self.momentum),
            ("weight_decay value", self.weight_decay),
            ("alpha value", self.alpha),
        ])
    }

    fn update(&self, param: &mut Tensor, grad: &Tensor, state: &mut Option<RmsPropState>) -> Result<()> {
        let RmsPropOptions { lr, momentum, alpha, eps, weight_decay, .. } = *self;
        let state = match state {
            Some(state) => state,
            None => state.insert(RmsPropState::new(param, self)?),
        };
        let mut grad = if self.maximize { grad.f_neg()? } else { grad.shallow_clone() };
        state.step += 1;
        if weight_decay != 0.0 {
            grad = ops::add(&grad, param, weight_decay)?;
        }

        let _ = state.square_avg.f_mul_scalar_(alpha)?;
        ops::addcmul_(&mut state.square_avg, &grad, &grad, 1.0 - alpha)?;
        let mut avg = match &mut state.grad_avg {
            Some(grad_avg) => {
                let _ = grad_avg.f_lerp_(&grad, 1.0 - alpha)?;
                let mut variance = state.square_avg.copy();
                ops::addcmul_(&mut variance, grad_avg, grad_avg, -1.0)?;
                variance.f_sqrt_()?
            }
            None => state.square_avg.f_sqrt()?,
        };
        let _ = avg.f_add_scalar_(eps)?;

        match &mut state.momentum_buffer {
            Some(buffer) => {
                let _ = buffer.f_mul_scalar_(momentum)?;
                ops::addcdiv_(buffer, &grad, &avg, 1.0)?;
                ops::add_(param, buffer, -lr)
            }
            None => ops::addcdiv_(param, &grad, &avg, -lr),
        }
    }

    fn group(&self) -> Dict {
        let mut group = Dict::new();
        group.insert("lr", self.lr);
        group.insert("momentum", number(self.momentum));
        group.insert("alpha", self.alpha);
        group.insert("eps", self.eps);
        group.insert("centered", self.centered);
        group.insert("weight_decay", number(self.weight_decay));
        group.insert("capturable", false);
        group.insert("foreach", pt_file::Value::None);
        group.insert("maximize", self.maximize);
        group.insert("differentiable", false);
        group
    }

    fn from_group(group: &DictReader<'_>) -> Result<Self> {
        Ok(RmsPropOptions {
            lr: group.float("lr")?,
            momentum: group.float("momentum")?,
            alpha: group.float("alpha")?,
            eps: group.float("eps")?,
            centered: group.bool("centered")?,
            weight_decay: group.float("weight_decay")?,
            maximize: group.bool_or("maximize", false)?,
        })
    }

    fn save(state: &RmsPropState) -> Result<Dict> {
        let mut dict = Dict::new();
        dict.insert("step", saved_step(state.step));
        dict.insert("square_avg", saved_tensor(&state.square_avg)?);
        if let Some(buffer) = &state.momentum_buffer {
            dict.insert("momentum_buffer", saved_tensor(buffer)?);
        }
        if let Some(grad_avg) = &state.grad_avg {
            dict.insert("grad_avg", saved_tensor(grad_avg)?);
        }
        Ok(dict)
    }

    fn load(saved: &DictReader<'_>, param: &Tensor) -> Result<RmsPropState> {
        Ok(RmsPropState {
            step: saved.step()?,
            square_avg: saved.tensor("square_avg", param)?,
            momentum_buffer: saved.tensor_or_none("momentum_buffer", param)?,
            grad_avg: saved.tensor_or_none("grad_avg", param)?,
        })
    }
}
