//! Schedules that start with a smaller learning rate.

use pt_file::Dict;

use super::scheduler::{LrScheduler, Schedule};
use crate::error::{Error, Result};
use crate::optim::dict_reader::DictReader;

/// Equivalent of `torch.optim.lr_scheduler.LinearLR`: multiplies the initial learning rate by a factor that changes linearly
/// from `start_factor` to `end_factor` in `total_iters` steps.
///
/// `lr(t) = initial_lr * (start_factor + (end_factor - start_factor) * min(t, total_iters) / total_iters)`, computed step by
/// step as in Python.
///
/// ```
/// use torch_ext::optim::{Linear, LinearLr, Sgd, SgdOptions};
/// # fn main() -> Result<(), torch_ext::Error> {
/// let w = tch::Tensor::zeros([1], tch::kind::FLOAT_CPU).set_requires_grad(true);
/// let mut optimizer = Sgd::new([&w], SgdOptions { lr: 1.0, ..SgdOptions::default() })?;
/// let warm_up = Linear { start_factor: 0.25, total_iters: 3, ..Linear::default() };
/// let mut scheduler = LinearLr::new(&mut optimizer, warm_up)?;
/// assert_eq!(optimizer.param_groups()[0].options.lr, 0.25);
/// optimizer.step()?;
/// scheduler.step(&mut optimizer);
/// assert_eq!(scheduler.last_lr(), [0.5]);
/// # Ok(()) }
/// ```
pub type LinearLr = LrScheduler<Linear>;

/// Equivalent of `torch.optim.lr_scheduler.ConstantLR`: multiplies the initial learning rate by `factor` for the first
/// `total_iters` steps.
///
/// ```
/// use torch_ext::optim::{Constant, ConstantLr, Sgd, SgdOptions};
/// # fn main() -> Result<(), torch_ext::Error> {
/// let w = tch::Tensor::zeros([1], tch::kind::FLOAT_CPU).set_requires_grad(true);
/// let mut optimizer = Sgd::new([&w], SgdOptions { lr: 1.0, ..SgdOptions::default() })?;
/// let mut scheduler = ConstantLr::new(&mut optimizer, Constant { factor: 0.5, total_iters: 1 })?;
/// assert_eq!(scheduler.last_lr(), [0.5]);
/// scheduler.step(&mut optimizer);
/// assert_eq!(scheduler.last_lr(), [1.0]);
/// # Ok(()) }
/// ```
pub type ConstantLr = LrScheduler<Constant>;

/// Options of [`LinearLr`]; the defaults are torch's.
#[derive(Debug, Clone, PartialEq)]
pub struct Linear {
    /// The factor of the first epoch, 1/3. Greater than 0, at most 1.
    pub start_factor: f64,
    /// The factor of the last epoch, 1. From 0 to 1.
    pub end_factor: f64,
    /// The number of steps from one to the other, 5.
    pub total_iters: i64,
}

impl Default for Linear {
    fn default() -> Self {
        Linear { start_factor: 1.0 / 3.0, end_factor: 1.0, total_iters: 5 }
    }
}

impl Schedule for Linear {
    /// Python's recursive formula, in its order of operations.
    fn next_lr(&self, _group: usize, epoch: i64, lr: f64, _base_lr: f64) -> f64 {
        let Linear { start_factor, end_factor, total_iters } = *self;
        if epoch == 0 {
            return lr * start_factor;
        }
        if epoch > total_iters {
            return lr;
        }
        let change = end_factor - start_factor;
        lr * (1.0 + change / (total_iters as f64 * start_factor + (epoch - 1) as f64 * change))
    }

    fn restart_lr(&self, _group: usize, _lr: f64, base_lr: f64) -> f64 {
        base_lr * self.start_factor
    }

    fn validate(&self, _groups: usize) -> Result<()> {
        if !(self.start_factor > 0.0 && self.start_factor <= 1.0) {
            return invalid(format!(
                "Starting multiplicative factor expected to be greater than 0 and less or equal to 1. Got {:?}",
                self.start_factor
            ));
        }
        if !(0.0..=1.0).contains(&self.end_factor) {
            return invalid(format!(
                "Ending multiplicative factor expected to be between 0 and 1. Got {:?}",
                self.end_factor
            ));
        }
        not_negative("total_iters", self.total_iters)
    }

    fn dict(&self, _epoch: i64) -> Dict {
        let mut dict = Dict::new();
        dict.insert("start_factor", self.start_factor);
        dict.insert("end_factor", self.end_factor);
        dict.insert("total_iters", self.total_iters);
        dict
    }

    fn with_saved(&self, saved: &DictReader<'_>) -> Result<Self> {
        Ok(Linear {
            start_factor: saved.float("start_factor")?,
            end_factor: saved.float("end_factor")?,
            total_iters: saved.int("total_iters")?,
        })
    }
}

/// Options of [`ConstantLr`]; the defaults are torch's.
#[derive(Debug, Clone, PartialEq)]
pub struct Constant {
    /// The factor of the first epochs, 1/3. Greater than 0, at most 1.
    pub factor: f64,
    /// The number of steps after which the factor ends, 5.
    pub total_iters: i64,
}

impl Default for Constant {
    fn default() -> Self {
        Constant { factor: 1.0 / 3.0, total_iters: 5 }
    }
}

impl Schedule for Constant {
    fn next_lr(&self, _group: usize, epoch: i64, lr: f64, _base_lr: f64) -> f64 {
        if epoch == 0 {
            lr * self.factor
        } else if epoch == self.total_iters {
            lr * (1.0 / self.factor)
        } else {
            lr
        }
    }

    fn restart_lr(&self, _group: usize, _lr: f64, base_lr: f64) -> f64 {
        let ended = if self.total_iters <= 0 { 1.0 } else { 0.0 };
        base_lr * (self.factor + ended * (1.0 - self.factor))
    }

    fn validate(&self, _groups: usize) -> Result<()> {
        if !(0.0..=1.0).contains(&self.factor) {
            return invalid(format!(
                "Constant multiplicative factor expected to be between 0 and 1. Got {:?}",
                self.factor
            ));
        }
        if self.factor == 0.0 {
            return invalid(
                "the factor must not be 0: after total_iters steps the learning rate is divided by it".into(),
            );
        }
        not_negative("total_iters", self.total_iters)
    }

    fn dict(&self, _epoch: i64) -> Dict {
        let mut dict = Dict::new();
        dict.insert("factor", self.factor);
        dict.insert("total_iters", self.total_iters);
        dict
    }

    fn with_saved(&self, saved: &DictReader<'_>) -> Result<Self> {
        Ok(Constant { factor: saved.float("factor")?, total_iters: saved.int("total_iters")? })
    }
}

fn invalid(message: String) -> Result<()> {
    Err(Error::InvalidArgument(message))
}

fn not_negative(name: &str, value: i64) -> Result<()> {
    if value < 0 { invalid(format!("{name} must not be negative, got {value}")) } else { Ok(()) }
}
