//! The 1cycle policy: the learning rate rises and falls once, and the momentum does the opposite.

mod options;
mod phases;

use pt_file::{Dict, Value};

pub use options::{AnnealStrategy, OneCycleOptions, PerGroup};
pub(in crate::optim) use phases::OneCycleGroup;

use self::phases::Phases;
use super::scheduler::initial_lrs;
use crate::error::{Error, Result};
use crate::optim::dict_reader::DictReader;
use crate::optim::optimizer::{Optimizer, Rule};

/// Equivalent of `torch.optim.lr_scheduler.OneCycleLR` (Smith and Topin, 2017). Call `step` after every batch.
///
/// The learning rate goes from `max_lr / div_factor` to `max_lr` in the first `pct_start` of the steps, and then to
/// `max_lr / div_factor / final_div_factor`. With `cycle_momentum`, the momentum (Adam's first beta) goes from `max_momentum`
/// to `base_momentum` and back.
///
/// ```
/// use torch_ext::optim::{Adam, AdamOptions, OneCycleLr, OneCycleOptions};
/// # fn main() -> Result<(), torch_ext::Error> {
/// let w = tch::Tensor::zeros([1], tch::kind::FLOAT_CPU).set_requires_grad(true);
/// let mut optimizer = Adam::new([&w], AdamOptions::default())?;
/// let options = OneCycleOptions { epochs: Some(2), steps_per_epoch: Some(5), ..OneCycleOptions::new(0.1) };
/// let mut scheduler = OneCycleLr::new(&mut optimizer, options)?;
/// assert_eq!(scheduler.last_lr(), [0.0040000000000000036]); // 0.1 / 25, with torch's rounding
/// for _batch in 0..2 {
///     optimizer.step()?;
///     scheduler.step(&mut optimizer)?;
/// }
/// assert_eq!(scheduler.last_lr(), [0.1]); // 0.3 * 10 steps, of which the first was made by `new`
/// assert_eq!(optimizer.param_groups()[0].options.betas, (0.85, 0.999));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct OneCycleLr {
    phases: Phases,
    cycle_momentum: bool,
    use_beta1: bool,
    base_lrs: Vec<f64>,
    last_epoch: i64,
    step_count: i64,
    last_lr: Vec<f64>,
}

impl OneCycleLr {
    /// Starts the schedule and sets learning rate and momentum of the first step. The optimizer's own are not used.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a value that torch rejects, in its words, and for options with which torch divides by
    /// zero. The optimizer is unchanged then.
    pub fn new<R: Rule>(optimizer: &mut Optimizer<R>, options: OneCycleOptions) -> Result<OneCycleLr> {
        let phases = Phases::new(&options)?;
        let groups = options.groups(optimizer.groups.len())?;
        if options.cycle_momentum && optimizer.groups.iter_mut().any(|group| group.options.momentum_mut().is_none()) {
            return Err(Error::InvalidArgument(
                "optimizer must support momentum or beta1 with `cycle_momentum` option enabled".to_owned(),
            ));
        }
        for cycle in &groups {
            phases.values(0, cycle)?;
        }
        for (group, cycle) in optimizer.groups.iter_mut().zip(groups) {
            group.initial_lr = Some(cycle.initial_lr);
            group.one_cycle = Some(cycle);
        }
        let use_beta1 = optimizer.groups.iter().any(|group| group.options.group().get("betas").is_some());
        let mut scheduler = OneCycleLr {
            phases,
            cycle_momentum: options.cycle_momentum,
            use_beta1,
            base_lrs: initial_lrs(optimizer),
            last_epoch: -1,
            step_count: 0,
            last_lr: Vec::new(),
        };
        scheduler.step(optimizer)?;
        Ok(scheduler)
    }

    /// Sets learning rate and momentum of the next step. Groups that were added after [`OneCycleLr::new`] do not change.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] after more than `total_steps` steps, in torch's words. Nothing is changed then.
    pub fn step<R: Rule>(&mut self, optimizer: &mut Optimizer<R>) -> Result<()> {
        let step = self.last_epoch + 1;
        let mut values = Vec::new();
        for group in &optimizer.groups {
            values.push(group.one_cycle.as_ref().map(|cycle| self.phases.values(step, cycle)).transpose()?);
        }
        for (group, values) in optimizer.groups.iter_mut().zip(values) {
            let Some((lr, momentum)) = values else { continue };
            *group.options.lr_mut() = lr;
            if self.cycle_momentum
                && let (Some(to), Some(momentum)) = (group.options.momentum_mut(), momentum)
            {
                *to = momentum;
            }
        }
        (self.last_epoch, self.step_count) = (step, self.step_count + 1);
        self.last_lr = optimizer.learning_rates();
        Ok(())
    }

    /// The learning rate of each group after the last step.
    pub fn last_lr(&self) -> &[f64] {
        &self.last_lr
    }

    /// The state in Python's layout. (The optimizer's state has the learning rates and the limits of each group.)
    pub fn state_dict(&self) -> Value {
        let mut dict = Dict::new();
        self.phases.insert_into(&mut dict);
        dict.insert("cycle_momentum", self.cycle_momentum);
        if self.cycle_momentum {
            dict.insert("use_beta1", self.use_beta1);
        }
        dict.insert("base_lrs", self.base_lrs.clone());
        dict.insert("last_epoch", self.last_epoch);
        dict.insert("_step_count", self.step_count);
        dict.insert("_is_initial", false);
        dict.insert("_get_lr_called_within_step", false);
        dict.insert("_last_lr", self.last_lr.clone());
        Value::Dict(dict)
    }

    /// Replaces the state and the options by saved ones. The limits of each group (`max_lr`, `min_lr`, ..) are entries of the
    /// optimizer's state, as in Python: load that, too.
    ///
    /// # Errors
    /// [`Error::StateDict`] if an entry is missing or has another type. This scheduler is unchanged then.
    pub fn load_state_dict(&mut self, state_dict: &Value) -> Result<()> {
        let saved = DictReader::new(state_dict, "the scheduler's state".to_owned())?;
        *self = OneCycleLr {
            phases: Phases::from_saved(&saved)?,
            cycle_momentum: saved.bool("cycle_momentum")?,
            use_beta1: saved.bool_or("use_beta1", self.use_beta1)?,
            base_lrs: saved.floats("base_lrs")?,
            last_epoch: saved.int("last_epoch")?,
            step_count: saved.int("_step_count")?,
            last_lr: saved.floats("_last_lr")?,
        };
        Ok(())
    }
}
