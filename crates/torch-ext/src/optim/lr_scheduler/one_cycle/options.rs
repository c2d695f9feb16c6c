//! The options of `OneCycleLr`.

use super::phases::OneCycleGroup;
use crate::error::{Error, Result};

/// The shape of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnnealStrategy {
    /// Half a cosine.
    Cos,
    /// A straight line.
    Linear,
}

/// A value for all groups of an optimizer, or one for each.
#[derive(Debug, Clone, PartialEq)]
pub enum PerGroup {
    /// The same value for every group.
    All(f64),
    /// One value for each group, in the order of the groups.
    Each(Vec<f64>),
}

impl From<f64> for PerGroup {
    fn from(value: f64) -> PerGroup {
        PerGroup::All(value)
    }
}

impl From<Vec<f64>> for PerGroup {
    fn from(values: Vec<f64>) -> PerGroup {
        PerGroup::Each(values)
    }
}

/// Options of [`OneCycleLr`](super::OneCycleLr). [`OneCycleOptions::new`] has torch's defaults.
#[derive(Debug, Clone, PartialEq)]
pub struct OneCycleOptions {
    /// The highest learning rate.
    pub max_lr: PerGroup,
    /// The number of steps, or `None`: then it is `epochs * steps_per_epoch`.
    pub total_steps: Option<i64>,
    /// The number of epochs, without `total_steps`.
    pub epochs: Option<i64>,
    /// The number of batches of an epoch, without `total_steps`.
    pub steps_per_epoch: Option<i64>,
    /// The part of the steps in which the learning rate rises, 0.3.
    pub pct_start: f64,
    /// The shape of the changes, [`AnnealStrategy::Cos`].
    pub anneal_strategy: AnnealStrategy,
    /// Change the momentum, or Adam's first beta, opposite to the learning rate; true.
    pub cycle_momentum: bool,
    /// The lowest momentum, at the highest learning rate, 0.85.
    pub base_momentum: PerGroup,
    /// The highest momentum, at the lowest learning rate, 0.95.
    pub max_momentum: PerGroup,
    /// The initial learning rate is `max_lr / div_factor`, 25.
    pub div_factor: f64,
    /// The last learning rate is the initial one divided by `final_div_factor`, 1e4.
    pub final_div_factor: f64,
    /// Return to the initial learning rate before the last phase: three phases instead of two.
    pub three_phase: bool,
}

impl OneCycleOptions {
    /// torch's defaults. Set `total_steps`, or `epochs` and `steps_per_epoch`.
    pub fn new(max_lr: impl Into<PerGroup>) -> OneCycleOptions {
        OneCycleOptions {
            max_lr: max_lr.into(),
            total_steps: None,
            epochs: None,
            steps_per_epoch: None,
            pct_start: 0.3,
            anneal_strategy: AnnealStrategy::Cos,
            cycle_momentum: true,
            base_momentum: PerGroup::All(0.85),
            max_momentum: PerGroup::All(0.95),
            div_factor: 25.0,
            final_div_factor: 1e4,
            three_phase: false,
        }
    }

    /// The number of steps, checked as in torch.
    pub(super) fn steps(&self) -> Result<i64> {
        let positive = |name: &str, value: i64| match value {
            1.. => Ok(value),
            _ => Err(Error::InvalidArgument(format!("Expected positive integer {name}, but got {value}"))),
        };
        let message = match (self.total_steps, self.epochs, self.steps_per_epoch) {
            (Some(total_steps), ..) => return positive("total_steps", total_steps),
            (None, Some(epochs), Some(steps_per_epoch)) => {
                let product = positive("epochs", epochs)?.checked_mul(positive("steps_per_epoch", steps_per_epoch)?);
                match product {
                    Some(total_steps) => return Ok(total_steps),
                    None => format!("{epochs} epochs of {steps_per_epoch} steps are more than 2^63 steps"),
                }
            }
            _ => "You must define either total_steps OR (epochs AND steps_per_epoch)".to_owned(),
        };
        Err(Error::InvalidArgument(message))
    }

    /// The limits of each group.
    pub(super) fn groups(&self, count: usize) -> Result<Vec<OneCycleGroup>> {
        for (name, value) in [("div_factor", self.div_factor), ("final_div_factor", self.final_div_factor)] {
            if value == 0.0 || value.is_nan() {
                return Err(Error::InvalidArgument(format!(
                    "{name} must not be {value:?}: it divides a learning rate"
                )));
            }
        }
        let max_lrs = per_group("max_lr", &self.max_lr, count)?;
        let momenta = if self.cycle_momentum {
            let max = per_group("max_momentum", &self.max_momentum, count)?;
            let base = per_group("base_momentum", &self.base_momentum, count)?;
            max.into_iter().zip(base).map(Some).collect()
        } else {
            vec![None; count]
        };
        let group = |(max_lr, momentum): (f64, Option<(f64, f64)>)| {
            let initial_lr = max_lr / self.div_factor;
            OneCycleGroup { initial_lr, max_lr, min_lr: initial_lr / self.final_div_factor, momentum }
        };
        Ok(max_lrs.into_iter().zip(momenta).map(group).collect())
    }
}

fn per_group(name: &str, values: &PerGroup, count: usize) -> Result<Vec<f64>> {
    match values {
        PerGroup::All(value) => Ok(vec![*value; count]),
        PerGroup::Each(values) if values.len() == count => Ok(values.clone()),
        PerGroup::Each(values) => Err(Error::InvalidArgument(format!(
            "{name} must have the same length as optimizer.param_groups. {name} has {} values, param_groups has {count}.",
            values.len()
        ))),
    }
}
