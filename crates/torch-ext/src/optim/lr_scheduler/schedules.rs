//! Schedules that depend on the epoch alone.

use std::f64::consts::PI;

use pt_file::Dict;

use super::scheduler::{LrScheduler, Schedule};
use crate::error::{Error, Result};
use crate::optim::dict_reader::DictReader;

/// Equivalent of `torch.optim.lr_scheduler.StepLR`: multiplies the learning rate by `gamma` every `step_size` steps.
pub type StepLr = LrScheduler<StepDecay>;

/// Equivalent of `torch.optim.lr_scheduler.ExponentialLR`: multiplies the learning rate by `gamma` at every step.
pub type ExponentialLr = LrScheduler<Exponential>;

/// Equivalent of `torch.optim.lr_scheduler.CosineAnnealingLR` (Loshchilov and Hutter, 2017): half a cosine from the initial
/// learning rate to `eta_min` in `t_max` steps, and back.
pub type CosineAnnealingLr = LrScheduler<CosineAnnealing>;

/// Options of [`StepLr`].
#[derive(Debug, Clone, PartialEq)]
pub struct StepDecay {
    /// The number of steps between two changes.
    pub step_size: i64,
    /// The factor; torch's default is 0.1.
    pub gamma: f64,
}

impl Schedule for StepDecay {
    fn next_lr(&self, epoch: i64, lr: f64, _base_lr: f64) -> f64 {
        if epoch % self.step_size == 0 { lr * self.gamma } else { lr }
    }

    fn validate(&self) -> Result<()> {
        at_least_one("step_size", self.step_size)
    }

    fn dict(&self) -> Dict {
        let mut dict = Dict::new();
        dict.insert("step_size", self.step_size);
        dict.insert("gamma", self.gamma);
        dict
    }

    fn from_dict(saved: &DictReader<'_>) -> Result<Self> {
        Ok(StepDecay { step_size: saved.int("step_size")?, gamma: saved.float("gamma")? })
    }
}

/// Options of [`ExponentialLr`].
#[derive(Debug, Clone, PartialEq)]
pub struct Exponential {
    /// The factor.
    pub gamma: f64,
}

impl Schedule for Exponential {
    fn next_lr(&self, _epoch: i64, lr: f64, _base_lr: f64) -> f64 {
        lr * self.gamma
    }

    fn validate(&self) -> Result<()> {
        Ok(())
    }

    fn dict(&self) -> Dict {
        let mut dict = Dict::new();
        dict.insert("gamma", self.gamma);
        dict
    }

    fn from_dict(saved: &DictReader<'_>) -> Result<Self> {
        Ok(Exponential { gamma: saved.float("gamma")? })
    }
}

/// Options of [`CosineAnnealingLr`].
#[derive(Debug, Clone, PartialEq)]
pub struct CosineAnnealing {
    /// The number of steps from the initial learning rate to `eta_min`; torch's `T_max`.
    pub t_max: i64,
    /// The lowest learning rate; torch's default is 0.
    pub eta_min: f64,
}

impl Schedule for CosineAnnealing {
    /// Python's recursive formula, in its order of operations.
    fn next_lr(&self, epoch: i64, lr: f64, base_lr: f64) -> f64 {
        let (t_max, eta_min) = (self.t_max as f64, self.eta_min);
        if (epoch - 1 - self.t_max) % (2 * self.t_max) == 0 {
            return lr + (base_lr - eta_min) * (1.0 - (PI / t_max).cos()) / 2.0;
        }
        let cosine = |epoch: i64| 1.0 + (PI * epoch as f64 / t_max).cos();
        cosine(epoch) / cosine(epoch - 1) * (lr - eta_min) + eta_min
    }

    fn validate(&self) -> Result<()> {
        at_least_one("T_max", self.t_max)
    }

    fn dict(&self) -> Dict {
        let mut dict = Dict::new();
        dict.insert("T_max", self.t_max);
        dict.insert("eta_min", self.eta_min);
        dict
    }

    fn from_dict(saved: &DictReader<'_>) -> Result<Self> {
        Ok(CosineAnnealing { t_max: saved.int("T_max")?, eta_min: saved.float("eta_min")? })
    }
}

fn at_least_one(name: &str, value: i64) -> Result<()> {
    if value >= 1 { Ok(()) } else { Err(Error::InvalidArgument(format!("{name} must be at least 1, got {value}"))) }
}
