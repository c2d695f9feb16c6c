//! What optimizers and schedules have in common for a checkpoint.

use pt_file::Value;

use super::lr_scheduler::{LrScheduler, OneCycleLr, ReduceLrOnPlateau, Schedule, SequentialLr};
use super::optimizer::{Optimizer, Rule};
use crate::error::Result;

/// An optimizer or a schedule, whose state a checkpoint keeps.
pub trait HasStateDict {
    /// The state in Python's layout.
    ///
    /// # Errors
    /// If a tensor cannot be copied to the CPU.
    fn state_dict(&self) -> Result<Value>;

    /// Replaces the state by a saved one, from Python or from here.
    ///
    /// # Errors
    /// [`Error::StateDict`](crate::Error::StateDict) if it does not fit. `self` is unchanged then.
    fn load_state_dict(&mut self, state_dict: &Value) -> Result<()>;
}

impl<R: Rule> HasStateDict for Optimizer<R> {
    fn state_dict(&self) -> Result<Value> {
        Optimizer::state_dict(self)
    }

    fn load_state_dict(&mut self, state_dict: &Value) -> Result<()> {
        Optimizer::load_state_dict(self, state_dict)
    }
}

impl<S: Schedule> HasStateDict for LrScheduler<S> {
    fn state_dict(&self) -> Result<Value> {
        Ok(LrScheduler::state_dict(self))
    }

    fn load_state_dict(&mut self, state_dict: &Value) -> Result<()> {
        LrScheduler::load_state_dict(self, state_dict)
    }
}

impl HasStateDict for ReduceLrOnPlateau {
    fn state_dict(&self) -> Result<Value> {
        Ok(ReduceLrOnPlateau::state_dict(self))
    }

    fn load_state_dict(&mut self, state_dict: &Value) -> Result<()> {
        ReduceLrOnPlateau::load_state_dict(self, state_dict)
    }
}

impl HasStateDict for OneCycleLr {
    fn state_dict(&self) -> Result<Value> {
        Ok(OneCycleLr::state_dict(self))
    }

    fn load_state_dict(&mut self, state_dict: &Value) -> Result<()> {
        OneCycleLr::load_state_dict(self, state_dict)
    }
}

impl HasStateDict for SequentialLr {
    fn state_dict(&self) -> Result<Value> {
        Ok(SequentialLr::state_dict(self))
    }

    fn load_state_dict(&mut self, state_dict: &Value) -> Result<()> {
        SequentialLr::load_state_dict(self, state_dict)
    }
}
