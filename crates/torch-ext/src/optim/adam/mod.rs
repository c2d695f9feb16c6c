//! Adam (Kingma and Ba, 2015) and AdamW (Loshchilov and Hutter, 2019).
//!
//! | file | what it holds |
//! |---|---|
//! | `options` | [`AdamOptions`], [`AdamState`], the bias correction |
//! | `adam_w` | [`AdamWOptions`] |
//! | `single_tensor` | the update, operation by operation, as in torch/optim/adam.py |
//! | `one_pass` | the same bits in one pass over all f32 parameters on the CPU |
//! | `rounding` | how libtorch rounds on this CPU, for `one_pass` |
//! | `fused` | libtorch's fused kernels: `fused=True`, and all parameters on a GPU |

mod adam_w;
mod fused;
mod one_pass;
mod options;
mod rounding;
mod single_tensor;

pub use adam_w::AdamWOptions;
pub use options::{AdamOptions, AdamState};

use pt_file::{Dict, Value};
use tch::Tensor;

use super::dict_reader::{DictReader, mismatch, number, saved_step, saved_tensor};
use super::optimizer::{Rule, reject_negative};
use crate::error::{Error, Result};

impl Rule for AdamOptions {
    type State = AdamState;

    fn lr_mut(&mut self) -> &mut f64 {
        &mut self.lr
    }

    fn momentum_mut(&mut self) -> Option<&mut f64> {
        Some(&mut self.betas.0)
    }

    fn validate(&self) -> Result<()> {
        reject_negative(&[("learning rate", self.lr), ("epsilon value", self.eps)])?;
        for (index, beta) in [self.betas.0, self.betas.1].into_iter().enumerate() {
            if !(0.0..1.0).contains(&beta) {
                return Err(Error::InvalidArgument(format!("Invalid beta parameter at index {index}: {beta:?}")));
            }
        }
        reject_negative(&[("weight_decay value", self.weight_decay)])
    }

    fn update(&self, param: &mut Tensor, grad: &Tensor, state: &mut Option<AdamState>) -> Result<()> {
        single_tensor::update(self, param, grad, state)
    }

    fn update_group(&self, params: &mut [Tensor], states: &mut [Option<AdamState>]) -> Result<()> {
        if self.fused || fused::is_default(params, states) {
            return fused::update_group(self, params, states);
        }
        let one_pass = self.weight_decay == 0.0 && !self.amsgrad && !self.maximize;
        // The first step creates the states, which only `single_tensor` does.
        let rounding = if one_pass && states.iter().any(Option::is_some) { rounding::of_libtorch() } else { None };
        match rounding {
            Some(rounding) => one_pass::update_group(self, rounding, params, states),
            None => single_tensor::update_group(self, params, states),
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

    fn from_group(group: &DictReader<'_>) -> Result<Self> {
        let betas = group.floats("betas")?;
        let [beta1, beta2] = betas[..] else {
            return Err(mismatch(format!("\"betas\" has {} entries, not 2", betas.len())));
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

    fn load(saved: &DictReader<'_>, param: &Tensor) -> Result<AdamState> {
        Ok(AdamState {
            step: saved.step()?,
            exp_avg: saved.tensor("exp_avg", param)?,
            exp_avg_sq: saved.tensor("exp_avg_sq", param)?,
            max_exp_avg_sq: saved.tensor_or_none("max_exp_avg_sq", param)?,
        })
    }
}
