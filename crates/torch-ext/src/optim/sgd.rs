//! Stochastic gradient descent; follows `_single_tensor_sgd` of torch/optim/sgd.py.

use pt_file::{Dict, Value};
use tch::Tensor;

use super::dict_reader::{DictReader, number, saved_tensor};
use super::ops;
use super::optimizer::{Rule, reject_negative};
use crate::error::{Error, Result};

/// Options of [`Sgd`](super::Sgd); the defaults are torch's.
#[derive(Debug, Clone, PartialEq)]
pub struct SgdOptions {
    /// Learning rate, 1e-3.
    pub lr: f64,
    /// Momentum, 0.
    pub momentum: f64,
    /// The part of the new gradient that is not added to the momentum, 0.
    pub dampening: f64,
    /// Weight decay, 0.
    pub weight_decay: f64,
    /// Nesterov momentum: use the gradient plus the next step of the momentum.
    pub nesterov: bool,
    /// Maximize the objective instead of minimizing it.
    pub maximize: bool,
}

impl Default for SgdOptions {
    fn default() -> Self {
        SgdOptions { lr: 1e-3, momentum: 0.0, dampening: 0.0, weight_decay: 0.0, nesterov: false, maximize: false }
    }
}

/// The state of a parameter in SGD with momentum.
#[derive(Debug)]
pub struct SgdState {
    /// The momentum. It has the parameter's shape.
    pub momentum_buffer: Tensor,
}

impl Rule for SgdOptions {
    type State = SgdState;

    fn lr_mut(&mut self) -> &mut f64 {
        &mut self.lr
    }

    fn momentum_mut(&mut self) -> Option<&mut f64> {
        Some(&mut self.momentum)
    }

    fn validate(&self) -> Result<()> {
        reject_negative(&[
            ("learning rate", self.lr),
            ("momentum value", self.momentum),
            ("weight_decay value", self.weight_decay),
        ])?;
        if self.nesterov && (self.momentum <= 0.0 || self.dampening != 0.0) {
            return Err(Error::InvalidArgument("Nesterov momentum requires a momentum and zero dampening".to_owned()));
        }
        Ok(())
    }

    fn update(&self, param: &mut Tensor, grad: &Tensor, state: &mut Option<SgdState>) -> Result<()> {
        let mut grad = if self.maximize { grad.f_neg()? } else { grad.shallow_clone() };
        if self.weight_decay != 0.0 {
            grad = ops::add(&grad, param, self.weight_decay)?;
        }
        if self.momentum != 0.0 {
            let buffer = match state {
                Some(SgdState { momentum_buffer }) => {
                    let _ = momentum_buffer.f_mul_scalar_(self.momentum)?;
                    ops::add_(momentum_buffer, &grad, 1.0 - self.dampening)?;
                    momentum_buffer
                }
                None => &mut state.insert(SgdState { momentum_buffer: grad.f_detach()?.copy() }).momentum_buffer,
            };
            grad = if self.nesterov { ops::add(&grad, buffer, self.momentum)? } else { buffer.shallow_clone() };
        }
        ops::add_(param, &grad, -self.lr)
    }

    fn group(&self) -> Dict {
        let mut group = Dict::new();
        group.insert("lr", self.lr);
        group.insert("momentum", number(self.momentum));
        group.insert("dampening", number(self.dampening));
        group.insert("weight_decay", number(self.weight_decay));
        group.insert("nesterov", self.nesterov);
        group.insert("maximize", self.maximize);
        group.insert("foreach", Value::None);
        group.insert("differentiable", false);
        group.insert("fused", Value::None);
        group
    }

    fn from_group(group: &DictReader<'_>) -> Result<Self> {
        Ok(SgdOptions {
            lr: group.float("lr")?,
            momentum: group.float("momentum")?,
            dampening: group.float("dampening")?,
            weight_decay: group.float("weight_decay")?,
            nesterov: group.bool("nesterov")?,
            maximize: group.bool_or("maximize", false)?,
        })
    }

    fn save(state: &SgdState) -> Result<Dict> {
        let mut dict = Dict::new();
        dict.insert("momentum_buffer", saved_tensor(&state.momentum_buffer)?);
        Ok(dict)
    }

    fn load(saved: &DictReader<'_>, param: &Tensor) -> Result<SgdState> {
        Ok(SgdState { momentum_buffer: saved.tensor("momentum_buffer", param)? })
    }
}
