//! A schedule that depends on a metric, such as the validation loss.

use pt_file::{Dict, Value};

use crate::error::{Error, Result};
use crate::optim::dict_reader::{DictReader, mismatch, number};
use crate::optim::optimizer::{Optimizer, Rule};

/// Whether the metric should become smaller or larger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlateauMode {
    /// Smaller is better, as for a loss.
    Min,
    /// Larger is better, as for an accuracy.
    Max,
}

/// The meaning of [`PlateauOptions::threshold`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThresholdMode {
    /// Relative to the best value so far.
    Rel,
    /// An absolute difference.
    Abs,
}

/// Options of [`ReduceLrOnPlateau`]; the defaults are torch's.
#[derive(Debug, Clone, PartialEq)]
pub struct PlateauOptions {
    /// The direction of an improvement, [`PlateauMode::Min`].
    pub mode: PlateauMode,
    /// The factor of a reduction, 0.1.
    pub factor: f64,
    /// The number of epochs without improvement before a reduction, 10.
    pub patience: i64,
    /// The smallest change that counts as an improvement, 1e-4.
    pub threshold: f64,
    /// The meaning of `threshold`, [`ThresholdMode::Rel`].
    pub threshold_mode: ThresholdMode,
    /// The number of epochs after a reduction that are not counted, 0.
    pub cooldown: i64,
    /// The lowest learning rate, 0.
    pub min_lr: f64,
    /// A reduction by this amount or less is skipped, 1e-8.
    pub eps: f64,
}

impl Default for PlateauOptions {
    fn default() -> Self {
        PlateauOptions {
            mode: PlateauMode::Min,
            factor: 0.1,
            patience: 10,
            threshold: 1e-4,
            threshold_mode: ThresholdMode::Rel,
            cooldown: 0,
            min_lr: 0.0,
            eps: 1e-8,
        }
    }
}

/// Equivalent of `torch.optim.lr_scheduler.ReduceLROnPlateau`: reduces the learning rate when a metric stops improving.
#[derive(Debug, Clone, PartialEq)]
pub struct ReduceLrOnPlateau {
    options: PlateauOptions,
    min_lrs: Vec<f64>,
    last_epoch: i64,
    last_lr: Vec<f64>,
    best: f64,
    cooldown_counter: i64,
    num_bad_epochs: i64,
}

impl ReduceLrOnPlateau {
    /// Starts the schedule.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a factor of 1 or more, in torch's words.
    pub fn new<R: Rule>(optimizer: &mut Optimizer<R>, options: PlateauOptions) -> Result<ReduceLrOnPlateau> {
        if options.factor.is_nan() || options.factor >= 1.0 {
            return Err(Error::InvalidArgument("Factor should be < 1.0.".to_owned()));
        }
        let last_lr = optimizer.learning_rates();
        let min_lrs = vec![options.min_lr; last_lr.len()];
        let best = worst(options.mode);
        Ok(ReduceLrOnPlateau { options, min_lrs, last_epoch: 0, last_lr, best, cooldown_counter: 0, num_bad_epochs: 0 })
    }

    /// Reads the metric of an epoch, and reduces the learning rates after more than `patience` epochs without improvement.
    pub fn step<R: Rule>(&mut self, optimizer: &mut Optimizer<R>, metric: f64) {
        self.last_epoch += 1;
        if self.is_better(metric) {
            self.best = metric;
            self.num_bad_epochs = 0;
        } else {
            self.num_bad_epochs += 1;
        }
        if self.cooldown_counter > 0 {
            self.cooldown_counter -= 1;
            self.num_bad_epochs = 0;
        }
        if self.num_bad_epochs > self.options.patience {
            self.reduce(optimizer);
            self.cooldown_counter = self.options.cooldown;
            self.num_bad_epochs = 0;
        }
        self.last_lr = optimizer.learning_rates();
    }

    /// The learning rate of each group after the last step.
    pub fn last_lr(&self) -> &[f64] {
        &self.last_lr
    }

    fn reduce<R: Rule>(&mut self, optimizer: &mut Optimizer<R>) {
        self.min_lrs.resize(optimizer.groups.len(), self.options.min_lr);
        for (group, min_lr) in optimizer.groups.iter_mut().zip(&self.min_lrs) {
            let lr = group.options.lr_mut();
            let reduced = (*lr * self.options.factor).max(*min_lr);
            if *lr - reduced > self.options.eps {
                *lr = reduced;
            }
        }
    }

    fn is_better(&self, metric: f64) -> bool {
        let PlateauOptions { mode, threshold, threshold_mode, .. } = self.options;
        match (mode, threshold_mode) {
            (PlateauMode::Min, ThresholdMode::Rel) => metric < self.best * (1.0 - threshold),
            (PlateauMode::Min, ThresholdMode::Abs) => metric < self.best - threshold,
            (PlateauMode::Max, ThresholdMode::Rel) => metric > self.best * (threshold + 1.0),
            (PlateauMode::Max, ThresholdMode::Abs) => metric > self.best + threshold,
        }
    }

    /// The state in Python's layout.
    pub fn state_dict(&self) -> Value {
        let options = &self.options;
        let mut dict = Dict::new();
        dict.insert("factor", options.factor);
        dict.insert("default_min_lr", number(options.min_lr));
        dict.insert("min_lrs", Value::list(self.min_lrs.iter().map(|min_lr| number(*min_lr))));
        dict.insert("patience", options.patience);
        dict.insert("cooldown", options.cooldown);
        dict.insert("eps", options.eps);
        dict.insert("last_epoch", self.last_epoch);
        dict.insert("_last_lr", self.last_lr.clone());
        dict.insert("mode_worse", worst(options.mode));
        dict.insert("mode", if options.mode == PlateauMode::Min { "min" } else { "max" });
        dict.insert("threshold", options.threshold);
        dict.insert("threshold_mode", if options.threshold_mode == ThresholdMode::Rel { "rel" } else { "abs" });
        dict.insert("best", self.best);
        dict.insert("cooldown_counter", self.cooldown_counter);
        dict.insert("num_bad_epochs", self.num_bad_epochs);
        Value::Dict(dict)
    }

    /// Replaces the state and the options by saved ones.
    ///
    /// # Errors
    /// [`Error::StateDict`] if an entry is missing or has another type. This scheduler is unchanged then.
    pub fn load_state_dict(&mut self, state_dict: &Value) -> Result<()> {
        let saved = DictReader::new(state_dict, "the scheduler's state".to_owned())?;
        let min_lrs = saved.floats("min_lrs")?;
        // None if the Python scheduler has one minimum for each group.
        let min_lr = match saved.get("default_min_lr")? {
            Value::None => min_lrs.last().copied().unwrap_or(0.0),
            _ => saved.float("default_min_lr")?,
        };
        let options = PlateauOptions {
            mode: match saved.get("mode")?.as_str() {
                Some("min") => PlateauMode::Min,
                Some("max") => PlateauMode::Max,
                mode => return Err(mismatch(format!("mode {} is unknown!", mode.unwrap_or("of another type")))),
            },
            factor: saved.float("factor")?,
            patience: saved.int("patience")?,
            threshold: saved.float("threshold")?,
            threshold_mode: match saved.get("threshold_mode")?.as_str() {
                Some("rel") => ThresholdMode::Rel,
                Some("abs") => ThresholdMode::Abs,
                mode => {
                    return Err(mismatch(format!("threshold mode {} is unknown!", mode.unwrap_or("of another type"))));
                }
            },
            cooldown: saved.int("cooldown")?,
            min_lr,
            eps: saved.float("eps")?,
        };
        *self = ReduceLrOnPlateau {
            options,
            min_lrs,
            last_epoch: saved.int("last_epoch")?,
            last_lr: saved.floats("_last_lr")?,
            best: saved.float("best")?,
            cooldown_counter: saved.int("cooldown_counter")?,
            num_bad_epochs: saved.int("num_bad_epochs")?,
        };
        Ok(())
    }
}

fn worst(mode: PlateauMode) -> f64 {
    match mode {
        PlateauMode::Min => f64::INFINITY,
        PlateauMode::Max => f64::NEG_INFINITY,
    }
}
