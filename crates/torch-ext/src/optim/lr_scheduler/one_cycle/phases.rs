//! The phases of the 1cycle policy, with Python's arithmetic.

use std::f64::consts::PI;

use pt_file::{Dict, Value};

use super::options::{AnnealStrategy, OneCycleOptions};
use crate::error::{Error, Result};
use crate::optim::dict_reader::{DictReader, mismatch};

/// The limits of a parameter group: entries of Python's param group.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::optim) struct OneCycleGroup {
    pub(super) initial_lr: f64,
    pub(super) max_lr: f64,
    pub(super) min_lr: f64,
    /// `max_momentum` and `base_momentum`, with `cycle_momentum`.
    pub(super) momentum: Option<(f64, f64)>,
}

impl OneCycleGroup {
    /// The entries of a saved group, if `OneCycleLR` has made them.
    pub(in crate::optim) fn from_group(group: &Dict) -> Option<OneCycleGroup> {
        let number = |key: &str| group.get(key).and_then(Value::as_float);
        Some(OneCycleGroup {
            initial_lr: number("initial_lr")?,
            max_lr: number("max_lr")?,
            min_lr: number("min_lr")?,
            momentum: number("max_momentum").zip(number("base_momentum")),
        })
    }

    /// Adds the entries to a group. `initial_lr` is there already.
    pub(in crate::optim) fn insert_into(&self, group: &mut Dict) {
        group.insert("max_lr", self.max_lr);
        group.insert("min_lr", self.min_lr);
        if let Some((max, base)) = self.momentum {
            group.insert("max_momentum", max);
            group.insert("base_momentum", base);
        }
    }

    /// The value of one of [`PHASES`]'s keys.
    fn value(&self, key: &str) -> Option<f64> {
        match key {
            "initial_lr" => Some(self.initial_lr),
            "max_lr" => Some(self.max_lr),
            "min_lr" => Some(self.min_lr),
            "max_momentum" => self.momentum.map(|(max, _)| max),
            _ => self.momentum.map(|(_, base)| base),
        }
    }
}

/// Learning rate and momentum at the start and at the end of a phase, as keys of the param group.
type Phase = [&'static str; 4];

const TWO: [Phase; 2] =
    [["initial_lr", "max_lr", "max_momentum", "base_momentum"], ["max_lr", "min_lr", "base_momentum", "max_momentum"]];

const THREE: [Phase; 3] = [
    ["initial_lr", "max_lr", "max_momentum", "base_momentum"],
    ["max_lr", "initial_lr", "base_momentum", "max_momentum"],
    ["initial_lr", "min_lr", "max_momentum", "max_momentum"],
];

/// The names of a phase's entries in Python, after `end_step`.
const ENTRIES: [&str; 4] = ["start_lr", "end_lr", "start_momentum", "end_momentum"];

/// The phases of a schedule.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Phases {
    total_steps: i64,
    /// The last step of each phase: two or three.
    end_steps: Vec<f64>,
    anneal_strategy: AnnealStrategy,
}

impl Phases {
    pub(super) fn new(options: &OneCycleOptions) -> Result<Phases> {
        let total_steps = options.steps()?;
        let (total, pct_start) = (total_steps as f64, options.pct_start);
        if !(0.0..=1.0).contains(&pct_start) {
            let message = format!("Expected float between 0 and 1 pct_start, but got {pct_start:?}");
            return Err(Error::InvalidArgument(message));
        }
        let mut end_steps = vec![pct_start * total - 1.0];
        if options.three_phase {
            end_steps.push(2.0 * pct_start * total - 2.0);
        }
        end_steps.push((total_steps - 1) as f64);
        Ok(Phases { total_steps, end_steps, anneal_strategy: options.anneal_strategy })
    }

    fn phases(&self) -> &'static [Phase] {
        if self.end_steps.len() == 3 { &THREE } else { &TWO }
    }

    /// Learning rate and momentum of a step.
    pub(super) fn values(&self, step: i64, group: &OneCycleGroup) -> Result<(f64, Option<f64>)> {
        if step > self.total_steps {
            return Err(Error::InvalidArgument(format!(
                "Tried to step {step} times. The specified number of total steps is {}",
                self.total_steps
            )));
        }
        let at = step as f64;
        let last = self.end_steps.len() - 1;
        let index = self.end_steps.iter().position(|end| at <= *end).unwrap_or(last);
        let start = if index == 0 { 0.0 } else { self.end_steps[index - 1] };
        let length = self.end_steps[index] - start;
        if length == 0.0 {
            return Err(Error::InvalidArgument(format!(
                "step {step} of {} is in a phase of length 0 (torch: float division by zero); \
                 choose another pct_start or total_steps",
                self.total_steps
            )));
        }
        let pct = (at - start) / length;
        let [start_lr, end_lr, start_momentum, end_momentum] = self.phases()[index];
        let value = |start, end| Some(self.anneal(group.value(start)?, group.value(end)?, pct));
        let lr = value(start_lr, end_lr).unwrap_or(group.initial_lr);
        Ok((lr, value(start_momentum, end_momentum)))
    }

    fn anneal(&self, start: f64, end: f64, pct: f64) -> f64 {
        match self.anneal_strategy {
            AnnealStrategy::Cos => end + (start - end) / 2.0 * ((PI * pct).cos() + 1.0),
            AnnealStrategy::Linear => (end - start) * pct + start,
        }
    }

    pub(super) fn insert_into(&self, dict: &mut Dict) {
        let phase = |(end_step, phase): (&f64, &Phase)| {
            let mut dict = Dict::new();
            dict.insert("end_step", *end_step);
            for (key, value) in ENTRIES.into_iter().zip(phase) {
                dict.insert(key, *value);
            }
            dict
        };
        let mut phases: Vec<Dict> = self.end_steps.iter().zip(self.phases()).map(phase).collect();
        if let Some(last) = phases.last_mut() {
            last.insert("end_step", self.total_steps - 1); // an int in Python
        }
        dict.insert("total_steps", self.total_steps);
        dict.insert("_schedule_phases", Value::list(phases.into_iter().map(Value::Dict)));
        dict.insert(
            "_anneal_func_type",
            match self.anneal_strategy {
                AnnealStrategy::Cos => "cos",
                AnnealStrategy::Linear => "linear",
            },
        );
    }

    pub(super) fn from_saved(saved: &DictReader<'_>) -> Result<Phases> {
        let phases = saved.get("_schedule_phases")?.as_slice().unwrap_or_default();
        let end_steps: Option<Vec<f64>> =
            phases.iter().map(|phase| phase.get("end_step").and_then(Value::as_float)).collect();
        let end_steps = end_steps.filter(|end_steps| matches!(end_steps.len(), 2 | 3));
        let end_steps =
            end_steps.ok_or_else(|| mismatch("\"_schedule_phases\" is not a list of two or three phases"))?;
        let anneal_strategy = match saved.get("_anneal_func_type")?.as_str() {
            Some("cos") => AnnealStrategy::Cos,
            Some("linear") => AnnealStrategy::Linear,
            _ => return Err(mismatch("anneal_strategy must be one of 'cos' or 'linear'")),
        };
        Ok(Phases { total_steps: saved.int("total_steps")?, end_steps, anneal_strategy })
    }
}
