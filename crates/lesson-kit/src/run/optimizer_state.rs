//! The optimization state in a checkpoint: an optimizer, with or without a learning-rate scheduler.

use std::fmt;

use pt_file::Value;
use torch_ext::Result;
use torch_ext::optim::{HasStateDict, Optimizer, Rule};

/// Argument of [`Run::checkpoint`](crate::Run::checkpoint): `&optimizer` or `(&optimizer, &scheduler)`.
pub struct OptimizerState<'a> {
    optimizer: &'a dyn HasStateDict,
    scheduler: Option<&'a dyn HasStateDict>,
}

/// Argument of [`Run::begin`](crate::Run::begin): `&mut optimizer` or `(&mut optimizer, &mut scheduler)`.
pub struct OptimizerStateMut<'a> {
    optimizer: &'a mut dyn HasStateDict,
    scheduler: Option<&'a mut dyn HasStateDict>,
}

impl OptimizerState<'_> {
    /// Both state dicts; `None` for a missing scheduler.
    pub(crate) fn state_dicts(&self) -> Result<(Value, Value)> {
        let scheduler = self.scheduler.map_or(Ok(Value::None), HasStateDict::state_dict)?;
        Ok((self.optimizer.state_dict()?, scheduler))
    }
}

impl OptimizerStateMut<'_> {
    /// Loads both state dicts.
    pub(crate) fn load(self, optimizer: &Value, scheduler: &Value) -> Result<()> {
        self.optimizer.load_state_dict(optimizer)?;
        self.scheduler.map_or(Ok(()), |own| own.load_state_dict(scheduler))
    }
}

impl<'a, R: Rule> From<&'a Optimizer<R>> for OptimizerState<'a> {
    fn from(optimizer: &'a Optimizer<R>) -> OptimizerState<'a> {
        OptimizerState { optimizer, scheduler: None }
    }
}

impl<'a, R: Rule, S: HasStateDict> From<(&'a Optimizer<R>, &'a S)> for OptimizerState<'a> {
    fn from((optimizer, scheduler): (&'a Optimizer<R>, &'a S)) -> OptimizerState<'a> {
        OptimizerState { optimizer, scheduler: Some(scheduler) }
    }
}

impl<'a, R: Rule> From<&'a mut Optimizer<R>> for OptimizerStateMut<'a> {
    fn from(optimizer: &'a mut Optimizer<R>) -> OptimizerStateMut<'a> {
        OptimizerStateMut { optimizer, scheduler: None }
    }
}

impl<'a, R: Rule, S: HasStateDict> From<(&'a mut Optimizer<R>, &'a mut S)> for OptimizerStateMut<'a> {
    fn from((optimizer, scheduler): (&'a mut Optimizer<R>, &'a mut S)) -> OptimizerStateMut<'a> {
        OptimizerStateMut { optimizer, scheduler: Some(scheduler) }
    }
}

impl fmt::Debug for OptimizerState<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OptimizerState").field("scheduler", &self.scheduler.is_some()).finish_non_exhaustive()
    }
}

impl fmt::Debug for OptimizerStateMut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OptimizerStateMut").field("scheduler", &self.scheduler.is_some()).finish_non_exhaustive()
    }
}
