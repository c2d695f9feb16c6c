//! A schedule and its state, with Python's layout of the state.

use std::fmt::Debug;

use pt_file::{Dict, Value};

use crate::error::Result;
use crate::optim::dict_reader::DictReader;
use crate::optim::optimizer::{Optimizer, ParamGroup, Rule};

/// The rule of a schedule: the next learning rate of a group. The option structs of the schedules implement it.
pub trait Schedule: Clone + Debug {
    /// The learning rate of epoch `epoch` (1, 2, ..). `lr` is the current one, `base_lr` the initial one.
    fn next_lr(&self, epoch: i64, lr: f64, base_lr: f64) -> f64;

    /// Checks the options.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`](crate::Error::InvalidArgument) for a value that makes no schedule.
    fn validate(&self) -> Result<()>;

    /// The options in the layout and order of Python's scheduler.
    fn dict(&self) -> Dict;

    /// The options of a saved scheduler.
    ///
    /// # Errors
    /// [`Error::StateDict`](crate::Error::StateDict) if one is missing or has another type.
    fn from_dict(saved: &DictReader<'_>) -> Result<Self>;
}

/// Equivalent of `torch.optim.lr_scheduler.LRScheduler`: a schedule and its state.
#[derive(Debug, Clone, PartialEq)]
pub struct LrScheduler<S: Schedule> {
    schedule: S,
    base_lrs: Vec<f64>,
    last_epoch: i64,
    step_count: i64,
    last_lr: Vec<f64>,
}

impl<S: Schedule> LrScheduler<S> {
    /// Starts the schedule from the optimizer's current learning rates.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`](crate::Error::InvalidArgument) for options that make no schedule.
    pub fn new<R: Rule>(optimizer: &mut Optimizer<R>, schedule: S) -> Result<LrScheduler<S>> {
        schedule.validate()?;
        let base_lrs = initial_lrs(optimizer);
        let last_lr = optimizer.learning_rates();
        Ok(LrScheduler { schedule, base_lrs, last_epoch: 0, step_count: 1, last_lr })
    }

    /// Sets the learning rates of the next epoch. Groups that were added after [`LrScheduler::new`] do not change.
    pub fn step<R: Rule>(&mut self, optimizer: &mut Optimizer<R>) {
        self.step_count += 1;
        self.last_epoch += 1;
        for (group, base_lr) in optimizer.groups.iter_mut().zip(&self.base_lrs) {
            let lr = group.options.lr_mut();
            *lr = self.schedule.next_lr(self.last_epoch, *lr, *base_lr);
        }
        self.last_lr = optimizer.learning_rates();
    }

    /// The learning rate of each group after the last step.
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

    /// Replaces the state and the options by saved ones. (The optimizer's state has the learning rates themselves.)
    ///
    /// # Errors
    /// [`Error::StateDict`](crate::Error::StateDict) if an entry is missing or has another type. This scheduler is unchanged then.
    pub fn load_state_dict(&mut self, state_dict: &Value) -> Result<()> {
        let saved = DictReader::new(state_dict, "the scheduler's state".to_owned())?;
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

/// The initial learning rate of each group: the current one, unless an earlier scheduler has set it.
fn initial_lrs<R: Rule>(optimizer: &mut Optimizer<R>) -> Vec<f64> {
    let initial_lr = |group: &mut ParamGroup<R>| {
        let lr = *group.options.lr_mut();
        *group.initial_lr.get_or_insert(lr)
    };
    optimizer.groups.iter_mut().map(initial_lr).collect()
}
