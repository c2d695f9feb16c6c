//! What trains the model, as a checkpoint sees it: an optimizer, alone or with its learning-rate schedule.

use std::fmt;

use pt_file::Value;
use torch_ext::Result;
use torch_ext::optim::{HasStateDict, Optimizer, Rule};

/// What [`Run::checkpoint`](crate::Run::checkpoint) saves: `&optimizer` or `(&optimizer, &scheduler)`.
pub struct Learner<'a> {
    optimizer: &'a dyn HasStateDict,
    scheduler: Option<&'a dyn HasStateDict>,
}

/// What [`Run::begin`](crate::Run::begin) restores: `&mut optimizer` or `(&mut optimizer, &mut scheduler)`.
pub struct LearnerMut<'a> {
    optimizer: &'a mut dyn HasStateDict,
    scheduler: Option<&'a mut dyn HasStateDict>,
}

impl Learner<'_> {
    /// The states of both; `None` for a schedule that is not there.
    pub(crate) fn state_dicts(&self) -> Result<(Value, Value)> {
        let scheduler = self.scheduler.map_or(Ok(Value::None), HasStateDict::state_dict)?;
        Ok((self.optimizer.state_dict()?, scheduler))
    }
}

impl LearnerMut<'_> {
    /// Takes both states over.
    pub(crate) fn load(self, optimizer: &Value, scheduler: &Value) -> Result<()> {
        self.optimizer.load_state_dict(optimizer)?;
        self.scheduler.map_or(Ok(()), |own| own.load_state_dict(scheduler))
    }
}

impl<'a, R: Rule> From<&'a Optimizer<R>> for Learner<'a> {
    fn from(optimizer: &'a Optimizer<R>) -> Learner<'a> {
        Learner { optimizer, scheduler: None }
    }
}

impl<'a, R: Rule, S: HasStateDict> From<(&'a Optimizer<R>, &'a S)> for Learner<'a> {
    fn from((optimizer, scheduler): (&'a Optimizer<R>, &'a S)) -> Learner<'a> {
        Learner { optimizer, scheduler: Some(scheduler) }
    }
}

impl<'a, R: Rule> From<&'a mut Optimizer<R>> for LearnerMut<'a> {
    fn from(optimizer: &'a mut Optimizer<R>) -> LearnerMut<'a> {
        LearnerMut { optimizer, scheduler: None }
    }
}

impl<'a, R: Rule, S: HasStateDict> From<(&'a mut Optimizer<R>, &'a mut S)> for LearnerMut<'a> {
    fn from((optimizer, scheduler): (&'a mut Optimizer<R>, &'a mut S)) -> LearnerMut<'a> {
        LearnerMut { optimizer, scheduler: Some(scheduler) }
    }
}

impl fmt::Debug for Learner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Learner").field("scheduler", &self.scheduler.is_some()).finish_non_exhaustive()
    }
}

impl fmt::Debug for LearnerMut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LearnerMut").field("scheduler", &self.scheduler.is_some()).finish_non_exhaustive()
    }
}
