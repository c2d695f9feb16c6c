//! Learning-rate schedules, after torch/optim/lr_scheduler.py, with their state in Python's layout.
//!
//! As in Python, a scheduler notes the learning rates at its creation (`initial_lr` of each group) and changes them at
//! every [`LrScheduler::step`], which comes after the optimizer's.
//!
//! ```
//! use torch_ext::optim::{Sgd, SgdOptions, StepDecay, StepLr};
//! # fn main() -> Result<(), torch_ext::Error> {
//! let w = tch::Tensor::zeros([1], tch::kind::FLOAT_CPU).set_requires_grad(true);
//! let mut optimizer = Sgd::new([&w], SgdOptions { lr: 1.0, ..SgdOptions::default() })?;
//! let mut scheduler = StepLr::new(&mut optimizer, StepDecay { step_size: 2, gamma: 0.5 })?;
//! let mut rates = vec![];
//! for _epoch in 0..5 {
//!     rates.push(scheduler.last_lr()[0]);
//!     optimizer.step()?;
//!     scheduler.step(&mut optimizer);
//! }
//! assert_eq!(rates, [1.0, 1.0, 0.5, 0.5, 0.25]);
//! # Ok(()) }
//! ```

use std::f64::consts::PI;
use std::fmt::Debug;

use pt_file::{Dict, Value};

use super::saved::Saved;
use super::{Optimizer, Rule};
use crate::error::{Error, Result};

mod plateau;

pub use plateau::{PlateauMode, PlateauOptions, ReduceLrOnPlateau, ThresholdMode};

/// Multiplies the learning rate by `gamma` every `step_size` steps: `torch.optim.lr_scheduler.StepLR`.
pub type StepLr = LrScheduler<StepDecay>;

/// Multiplies the learning rate by `gamma` at every step: `torch.optim.lr_scheduler.ExponentialLR`.
pub type ExponentialLr = LrScheduler<Exponential>;

/// Half a cosine from the initial learning rate to `eta_min` in `t_max` steps, and back:
/// `torch.optim.lr_scheduler.CosineAnnealingLR` (Loshchilov and Hutter, 2017).
pub type CosineAnnealingLr = LrScheduler<CosineAnnealing>;

/// How the learning rate of a group follows from the one before; its implementations are the schedules' options.
pub trait Schedule: Clone + Debug {
    /// The learning rate of step `epoch` (1, 2, ..) of a group that has `lr` now and began with `base_lr`.
    fn next_lr(&self, epoch: i64, lr: f64, base_lr: f64) -> f64;

    /// Refuses options that make no schedule.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`].
    fn validate(&self) -> Result<()>;

    /// The options as Python's scheduler keeps them, in its order.
    fn dict(&self) -> Dict;

    /// The options of a saved scheduler.
    ///
    /// # Errors
    /// [`Error::StateDict`] if one is missing or of another type.
    fn from_dict(saved: &Saved<'_>) -> Result<Self>;
}

/// A schedule in progress.
#[derive(Debug, Clone, PartialEq)]
pub struct LrScheduler<S: Schedule> {
    schedule: S,
    base_lrs: Vec<f64>,
    last_epoch: i64,
    step_count: i64,
    last_lr: Vec<f64>,
}

impl<S: Schedule> LrScheduler<S> {
    /// Starts the schedule at the optimizer's present learning rates.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for options that make no schedule.
    pub fn new<R: Rule>(optimizer: &mut Optimizer<R>, schedule: S) -> Result<LrScheduler<S>> {
        schedule.validate()?;
        let base_lrs = initial_lrs(optimizer);
        let last_lr = learning_rates(optimizer);
        Ok(LrScheduler { schedule, base_lrs, last_epoch: 0, step_count: 1, last_lr })
    }

    /// Sets the learning rates of the next epoch. Groups added after [`LrScheduler::new`] are left alone.
    pub fn step<R: Rule>(&mut self, optimizer: &mut Optimizer<R>) {
        self.step_count += 1;
        self.last_epoch += 1;
        for (group, base_lr) in optimizer.groups.iter_mut().zip(&self.base_lrs) {
            let lr = group.options.lr_mut();
            *lr = self.schedule.next_lr(self.last_epoch, *lr, *base_lr);
        }
        self.last_lr = learning_rates(optimizer);
    }

    /// The learning rates that the last step set, one for each group.
    pub fn last_lr(&self) -> &[f64] {
        &self.last_lr
    }

    /// The state in Python's layout.
    pub fn state_dict(&self) -> Value {
        let mut dict = self.schedule.dict();
        dict.insert("base_lrs", self.base_lrs.clone());
        dict.insert("last_epoch", self.last_epoch);
        dict.insert("_step_count", self.step_count);
        dict.insert("_is_initial", false);
        dict.insert("_get_lr_called_within_step", false);
        dict.insert("_last_lr", self.last_lr.clone());
        Value::Dict(dict)
    }

    /// Takes over a saved state, options included. (The learning rates themselves are in the optimizer's.)
    ///
    /// # Errors
    /// [`Error::StateDict`] if an entry is missing or of another type; this scheduler is then as before.
    pub fn load_state_dict(&mut self, state_dict: &Value) -> Result<()> {
        let saved = Saved::new(state_dict, "the scheduler's state".to_owned())?;
        let schedule = S::from_dict(&saved)?;
        schedule.validate()?;
        *self = LrScheduler {
            schedule,
            base_lrs: saved.floats("base_lrs")?,
            last_epoch: saved.int("last_epoch")?,
            step_count: saved.int("_step_count")?,
            last_lr: saved.floats("_last_lr")?,
        };
        Ok(())
    }
}

/// Options of [`StepLr`].
#[derive(Debug, Clone, PartialEq)]
pub struct StepDecay {
    /// Every how many steps.
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

    fn from_dict(saved: &Saved<'_>) -> Result<Self> {
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

    fn from_dict(saved: &Saved<'_>) -> Result<Self> {
        Ok(Exponential { gamma: saved.float("gamma")? })
    }
}

/// Options of [`CosineAnnealingLr`].
#[derive(Debug, Clone, PartialEq)]
pub struct CosineAnnealing {
    /// Steps from the initial learning rate down to `eta_min`; torch's `T_max`.
    pub t_max: i64,
    /// The lowest learning rate; torch's default is 0.
    pub eta_min: f64,
}

impl Schedule for CosineAnnealing {
    /// Python's recursion, in its order of operations.
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

    fn from_dict(saved: &Saved<'_>) -> Result<Self> {
        Ok(CosineAnnealing { t_max: saved.int("T_max")?, eta_min: saved.float("eta_min")? })
    }
}

fn at_least_one(name: &str, value: i64) -> Result<()> {
    if value >= 1 { Ok(()) } else { Err(Error::InvalidArgument(format!("{name} must be at least 1, got {value}"))) }
}

fn learning_rates<R: Rule>(optimizer: &mut Optimizer<R>) -> Vec<f64> {
    optimizer.groups.iter_mut().map(|group| *group.options.lr_mut()).collect()
}

/// Notes each group's learning rate as its initial one, unless an earlier scheduler has.
fn initial_lrs<R: Rule>(optimizer: &mut Optimizer<R>) -> Vec<f64> {
    let note = |group: &mut super::ParamGroup<R>| {
        let lr = *group.options.lr_mut();
        *group.initial_lr.get_or_insert(lr)
    };
    optimizer.groups.iter_mut().map(note).collect()
}
