//! A schedule and its state, with Python's layout of the state.

use std::fmt::Debug;

use pt_file::{Dict, Value};

use crate::error::Result;
use crate::optim::dict_reader::DictReader;
use crate::optim::optimizer::{Optimizer, ParamGroup, Rule};

/// The rule of a schedule: the next learning rate of a group. The option structs of the schedules implement it.
pub trait Schedule: Clone + Debug {
    /// Whether Python's scheduler counts its steps in `_step_count`. `CosineAnnealingWarmRestarts` does not.
    const COUNTS_STEPS: bool = true;

    /// The learning rate of epoch `epoch` for the group with index `group`. `lr` is the current one, `base_lr` the initial
    /// one. [`LrScheduler::new`] calls it for epoch 0, each step for one of 1, 2, ..
    fn next_lr(&self, group: usize, epoch: i64, lr: f64, base_lr: f64) -> f64;

    /// The learning rate of epoch 0 when [`SequentialLr`](super::SequentialLr) starts the schedule at a milestone. Python
    /// computes it with the closed form of the schedule, if there is one.
    fn restart_lr(&self, group: usize, lr: f64, base_lr: f64) -> f64 {
        self.next_lr(group, 0, lr, base_lr)
    }

    /// Checks the options for an optimizer with this number of groups.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`](crate::Error::InvalidArgument) for a value that makes no schedule.
    fn validate(&self, groups: usize) -> Result<()>;

    /// The options, and what Python stores besides them after epoch `epoch`, in the layout and order of Python's scheduler.
    fn dict(&self, epoch: i64) -> Dict;

    /// The options of a saved scheduler. What a file cannot hold (a closure) comes from `self`.
    ///
    /// # Errors
    /// [`Error::StateDict`](crate::Error::StateDict) if one is missing or has another type.
    fn with_saved(&self, saved: &DictReader<'_>) -> Result<Self>;
}

/// Equivalent of `torch.optim.lr_scheduler.LRScheduler`: a schedule and its state.
#[derive(Debug, Clone, PartialEq)]
pub struct LrScheduler<S: Schedule> {
    pub(super) schedule: S,
    base_lrs: Vec<f64>,
    pub(super) last_epoch: i64,
    step_count: i64,
    last_lr: Vec<f64>,
}

impl<S: Schedule> LrScheduler<S> {
    /// Starts the schedule from the optimizer's current learning rates and sets those of epoch 0.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`](crate::Error::InvalidArgument) for options that make no schedule. The optimizer is unchanged
    /// then.
    pub fn new<R: Rule>(optimizer: &mut Optimizer<R>, schedule: S) -> Result<LrScheduler<S>> {
        schedule.validate(optimizer.groups.len())?;
        let base_lrs = initial_lrs(optimizer);
        let mut scheduler = LrScheduler { schedule, base_lrs, last_epoch: -1, step_count: 0, last_lr: Vec::new() };
        scheduler.step(optimizer);
        Ok(scheduler)
    }

    /// Sets the learning rates of the next epoch. Groups that were added after [`LrScheduler::new`] do not change.
    pub fn step<R: Rule>(&mut self, optimizer: &mut Optimizer<R>) {
        let mut lrs = optimizer.learning_rates();
        self.advance(&mut lrs);
        optimizer.set_learning_rates(&lrs);
    }

    /// The learning rate of each group after the last step.
    pub fn last_lr(&self) -> &[f64] {
        &self.last_lr
    }

    /// The step on the learning rates of all groups.
    pub(super) fn advance(&mut self, lrs: &mut [f64]) {
        self.step_count += 1;
        self.last_epoch += 1;
        for (group, (lr, base_lr)) in lrs.iter_mut().zip(&self.base_lrs).enumerate() {
            *lr = self.schedule.next_lr(group, self.last_epoch, *lr, *base_lr);
        }
        self.last_lr = lrs.to_vec();
    }

    /// `_initial_step` of Python.
    pub(super) fn start(&mut self, lrs: &mut [f64]) {
        self.step_count = 0;
        self.advance(lrs);
    }

    /// `_update_lr(0)` of Python.
    pub(super) fn restart(&mut self, lrs: &mut [f64]) {
        self.last_epoch = 0;
        for (group, (lr, base_lr)) in lrs.iter_mut().zip(&self.base_lrs).enumerate() {
            *lr = self.schedule.restart_lr(group, *lr, *base_lr);
        }
        self.last_lr = lrs.to_vec();
    }

    /// The state in Python's layout.
    pub fn state_dict(&self) -> Value {
        let mut dict = self.schedule.dict(self.last_epoch);
        dict.insert("base_lrs", self.base_lrs.clone());
        dict.insert("last_epoch", self.last_epoch);
        dict.insert("_step_count", if S::COUNTS_STEPS { self.step_count } else { 0 });
        dict.insert("_is_initial", false);
        dict.insert("_get_lr_called_within_step", false);
        dict.insert("_last_lr", self.last_lr.clone());
        Value::Dict(dict)
    }

    /// Replaces the state and the options by saved ones. (The optimizer's state has the learning rates themselves.)
    ///
    /// # Errors
    /// [`Error::StateDict`](crate::Error::StateDict) if an entry is missing or has another type. This scheduler is unchanged then.
    pub fn load_state_dict(&mut self, state_dict: &Value) -> Result<()> {
        let saved = DictReader::new(state_dict, "the scheduler's state".to_owned())?;
        let schedule = self.schedule.with_saved(&saved)?;
        let base_lrs = saved.floats("base_lrs")?;
        schedule.validate(base_lrs.len())?;
        *self = LrScheduler {
            schedule,
            base_lrs,
            last_epoch: saved.int("last_epoch")?,
            step_count: saved.int("_step_count")?,
            last_lr: saved.floats("_last_lr")?,
        };
        Ok(())
    }
}

/// The initial learning rate of each group: the current one, unless an earlier scheduler has set it.
pub(super) fn initial_lrs<R: Rule>(optimizer: &mut Optimizer<R>) -> Vec<f64> {
    let initial_lr = |group: &mut ParamGroup<R>| {
        let lr = *group.options.lr_mut();
        *group.initial_lr.get_or_insert(lr)
    };
    optimizer.groups.iter_mut().map(initial_lr).collect()
}
