//! The optimization state in a checkpoint: an optimizer, with or without a learning-rate scheduler.

use std::fmt;

use anyhow::ensure;
use pt_file::{Dict, Value};
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
    ///
    /// # Errors
    /// If they do not fit, or have other hyperparameters than the options of the run.
    pub(crate) fn load(self, optimizer: &Value, scheduler: &Value) -> anyhow::Result<()> {
        let own = self.optimizer.state_dict()?;
        self.optimizer.load_state_dict(optimizer)?;
        if let Some(own) = self.scheduler {
            let before = own.state_dict()?;
            own.load_state_dict(scheduler)?;
            for key in ["base_lrs", "gamma", "step_size"] {
                check_number("scheduler", key, scheduler.get(key), before.get(key))?;
            }
        }
        check_hyperparameters(&own, optimizer, scheduler)
    }
}

/// Checks that the numbers in the parameter groups of a checkpoint are `own`, those of the options. Where there is a scheduler, `lr`
/// must be the scheduler's last one.
fn check_hyperparameters(own: &Value, stored: &Value, scheduler: &Value) -> anyhow::Result<()> {
    let last_lr = scheduler.get("_last_lr").and_then(Value::as_slice).unwrap_or_default();
    for (index, (own, stored)) in groups(own).iter().zip(groups(stored)).enumerate() {
        for (key, value) in own.as_dict().into_iter().flat_map(Dict::iter) {
            let expected = last_lr.get(index).filter(|_| key.as_str() == Some("lr")).unwrap_or(value);
            let key = key.as_str().unwrap_or_default();
            if !DEPENDS_ON_DEVICE.contains(&key) {
                check_number("optimizer", key, stored.get(key), Some(expected))?;
            }
        }
    }
    Ok(())
}

/// Entries of a parameter group that may differ on another device, and the parameters themselves.
const DEPENDS_ON_DEVICE: [&str; 5] = ["params", "fused", "foreach", "capturable", "differentiable"];

/// Checks an entry of a state dict against that of the options. An integer equals a float of the same value.
fn check_number(what: &str, key: &str, found: Option<&Value>, expected: Option<&Value>) -> anyhow::Result<()> {
    let (found, expected) = (found.unwrap_or(&Value::None), expected.unwrap_or(&Value::None));
    let equal = match (found.as_float(), expected.as_float()) {
        (Some(found), Some(expected)) => found == expected,
        _ => found == expected,
    };
    let text = |value: &Value| value.as_float().map_or_else(|| format!("{value:?}"), |number| number.to_string());
    ensure!(
        equal,
        "the {what} has {key} = {}, but the options of the run give {}; the file was changed: restore it, or start again with \
         --overwrite",
        text(found),
        text(expected)
    );
    Ok(())
}

fn groups(state_dict: &Value) -> &[Value] {
    state_dict.get("param_groups").and_then(Value::as_slice).unwrap_or_default()
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
