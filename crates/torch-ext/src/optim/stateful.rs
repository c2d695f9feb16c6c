//! What optimizers and schedules have in common for a checkpoint.

use pt_file::Value;

use super::{LrScheduler, Optimizer, ReduceLrOnPlateau, Rule, Schedule};
use crate::error::Result;

/// Something whose state a checkpoint keeps: torch's protocol `torch.distributed.checkpoint.stateful.Stateful`.
pub trait Stateful {
    /// The state in Python's layout.
    ///
    /// # Errors
    /// If a tensor cannot be copied to the CPU.
    fn state_dict(&self) -> Result<Value>;

    /// Takes over a saved state, Python's or ours.
    ///
    /// # Errors
    /// [`Error::StateDict`](crate::Error::StateDict) if it does not fit; `self` is then as before.
    fn load_state_dict(&mut self, state_dict: &Value) -> Result<()>;
}

impl<R: Rule> Stateful for Optimizer<R> {
    fn state_dict(&self) -> Result<Value> {
        Optimizer::state_dict(self)
    }

    fn load_state_dict(&mut self, state_dict: &Value) -> Result<()> {
        Optimizer::load_state_dict(self, state_dict)
    }
}

impl<S: Schedule> Stateful for LrScheduler<S> {
    fn state_dict(&self) -> Result<Value> {
        Ok(LrScheduler::state_dict(self))
    }

    fn load_state_dict(&mut self, state_dict: &Value) -> Result<()> {
        LrScheduler::load_state_dict(self, state_dict)
    }
}

impl Stateful for ReduceLrOnPlateau {
    fn state_dict(&self) -> Result<Value> {
        Ok(ReduceLrOnPlateau::state_dict(self))
    }

    fn load_state_dict(&mut self, state_dict: &Value) -> Result<()> {
        ReduceLrOnPlateau::load_state_dict(self, state_dict)
    }
}
