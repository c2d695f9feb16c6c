//! Schedules that depend on the epoch alone.

use std::f64::consts::PI;

use pt_file::{Dict, Key};

use super::scheduler::{LrScheduler, Schedule};
use crate::error::{Error, Result};
use crate::optim::dict_reader::{DictReader, mismatch};

/// The limit on the count of one milestone in a file.
const MAX_COUNT: i64 = 1000;

/// Equivalent of `torch.optim.lr_scheduler.StepLR`: multiplies the learning rate by `gamma` every `step_size` steps.
pub type StepLr = LrScheduler<StepDecay>;

/// Equivalent of `torch.optim.lr_scheduler.ExponentialLR`: multiplies the learning rate by `gamma` at every step.
pub type ExponentialLr = LrScheduler<Exponential>;

/// Equivalent of `torch.optim.lr_scheduler.CosineAnnealingLR` (Loshchilov and Hutter, 2017): half a cosine from the initial
/// learning rate to `eta_min` in `t_max` steps, and back.
pub type CosineAnnealingLr = LrScheduler<CosineAnnealing>;

/// Equivalent of `torch.optim.lr_scheduler.MultiStepLR`: multiplies the learning rate by `gamma` at every milestone.
///
/// Python resumes from its state, with one exception: as a part of `SequentialLR` that has not begun. Python needs a `Counter`
/// there, which the state from here does not have.
///
/// ```
/// use torch_ext::optim::{MultiStep, MultiStepLr, Sgd, SgdOptions};
/// # fn main() -> Result<(), torch_ext::Error> {
/// let w = tch::Tensor::zeros([1], tch::kind::FLOAT_CPU).set_requires_grad(true);
/// let mut optimizer = Sgd::new([&w], SgdOptions { lr: 1.0, ..SgdOptions::default() })?;
/// let mut scheduler = MultiStepLr::new(&mut optimizer, MultiStep { milestones: vec![1, 3], gamma: 0.5 })?;
/// let mut rates = vec![];
/// for _epoch in 0..4 {
///     rates.push(scheduler.last_lr()[0]);
///     scheduler.step(&mut optimizer);
/// }
/// assert_eq!(rates, [1.0, 0.5, 0.5, 0.25]);
/// # Ok(()) }
/// ```
pub type MultiStepLr = LrScheduler<MultiStep>;

/// Options of [`StepLr`].
#[derive(Debug, Clone, PartialEq)]
pub struct StepDecay {
    /// The number of steps between two changes.
    pub step_size: i64,
    /// The factor; torch's default is 0.1.
    pub gamma: f64,
}

impl Schedule for StepDecay {
    fn next_lr(&self, _group: usize, epoch: i64, lr: f64, _base_lr: f64) -> f64 {
        if epoch > 0 && epoch % self.step_size == 0 { lr * self.gamma } else { lr }
    }

    fn restart_lr(&self, _group: usize, _lr: f64, base_lr: f64) -> f64 {
        base_lr
    }

    fn validate(&self, _groups: usize) -> Result<()> {
        at_least_one("step_size", self.step_size)
    }

    fn dict(&self, _epoch: i64) -> Dict {
        let mut dict = Dict::new();
        dict.insert("step_size", self.step_size);
        dict.insert("gamma", self.gamma);
        dict
    }

    fn with_saved(&self, saved: &DictReader<'_>) -> Result<Self> {
        Ok(StepDecay { step_size: saved.int("step_size")?, gamma: saved.float("gamma")? })
    }
}

/// Options of [`MultiStepLr`].
#[derive(Debug, Clone, PartialEq)]
pub struct MultiStep {
    /// The epochs of the changes. An epoch that appears twice counts twice.
    pub milestones: Vec<i64>,
    /// The factor; torch's default is 0.1.
    pub gamma: f64,
}

impl MultiStep {
    /// `gamma` to the power of the number of milestones that fulfil a condition.
    fn factor(&self, condition: impl Fn(i64) -> bool) -> f64 {
        let count = self.milestones.iter().filter(|milestone| condition(**milestone)).count();
        self.gamma.powf(count as f64)
    }
}

impl Schedule for MultiStep {
    fn next_lr(&self, _group: usize, epoch: i64, lr: f64, _base_lr: f64) -> f64 {
        if self.milestones.contains(&epoch) { lr * self.factor(|milestone| milestone == epoch) } else { lr }
    }

    fn restart_lr(&self, _group: usize, _lr: f64, base_lr: f64) -> f64 {
        base_lr * self.factor(|milestone| milestone <= 0)
    }

    fn validate(&self, _groups: usize) -> Result<()> {
        Ok(())
    }

    /// Python has a `Counter`, whose content is that of this dict.
    fn dict(&self, _epoch: i64) -> Dict {
        let mut counts = Dict::new();
        for milestone in &self.milestones {
            let count = self.milestones.iter().filter(|other| *other == milestone).count();
            counts.insert(*milestone, count as i64);
        }
        let mut dict = Dict::new();
        dict.insert("milestones", counts);
        dict.insert("gamma", self.gamma);
        dict
    }

    fn with_saved(&self, saved: &DictReader<'_>) -> Result<Self> {
        let wrong = || mismatch("\"milestones\" is not a dict of epochs and their counts");
        let mut milestones = Vec::new();
        for (epoch, count) in saved.get("milestones")?.as_dict().ok_or_else(wrong)?.iter() {
            let (Key::Int(epoch), Some(count @ 1..=MAX_COUNT)) = (epoch, count.as_int()) else {
                return Err(wrong());
            };
            milestones.extend((0..count).map(|_| *epoch));
        }
        Ok(MultiStep { milestones, gamma: saved.float("gamma")? })
    }
}

/// Options of [`ExponentialLr`].
#[derive(Debug, Clone, PartialEq)]
pub struct Exponential {
    /// The factor.
    pub gamma: f64,
}

impl Schedule for Exponential {
    fn next_lr(&self, _group: usize, epoch: i64, lr: f64, _base_lr: f64) -> f64 {
        if epoch > 0 { lr * self.gamma } else { lr }
    }

    fn restart_lr(&self, _group: usize, _lr: f64, base_lr: f64) -> f64 {
        base_lr
    }

    fn validate(&self, _groups: usize) -> Result<()> {
        Ok(())
    }

    fn dict(&self, _epoch: i64) -> Dict {
        let mut dict = Dict::new();
        dict.insert("gamma", self.gamma);
        dict
    }

    fn with_saved(&self, saved: &DictReader<'_>) -> Result<Self> {
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
    fn next_lr(&self, _group: usize, epoch: i64, lr: f64, base_lr: f64) -> f64 {
        if epoch == 0 {
            return lr;
        }
        let (t_max, eta_min) = (self.t_max as f64, self.eta_min);
        if (epoch - 1 - self.t_max) % (2 * self.t_max) == 0 {
            return lr + (base_lr - eta_min) * (1.0 - (PI / t_max).cos()) / 2.0;
        }
        let cosine = |epoch: i64| 1.0 + (PI * epoch as f64 / t_max).cos();
        cosine(epoch) / cosine(epoch - 1) * (lr - eta_min) + eta_min
    }

    fn restart_lr(&self, _group: usize, _lr: f64, base_lr: f64) -> f64 {
        self.eta_min + (base_lr - self.eta_min) * (1.0 + 0f64.cos()) / 2.0
    }

    fn validate(&self, _groups: usize) -> Result<()> {
        at_least_one("T_max", self.t_max)
    }

    fn dict(&self, _epoch: i64) -> Dict {
        let mut dict = Dict::new();
        dict.insert("T_max", self.t_max);
        dict.insert("eta_min", self.eta_min);
        dict
    }

    fn with_saved(&self, saved: &DictReader<'_>) -> Result<Self> {
        Ok(CosineAnnealing { t_max: saved.int("T_max")?, eta_min: saved.float("eta_min")? })
    }
}

fn at_least_one(name: &str, value: i64) -> Result<()> {
    if value >= 1 { Ok(()) } else { Err(Error::InvalidArgument(format!("{name} must be at least 1, got {value}"))) }
}
