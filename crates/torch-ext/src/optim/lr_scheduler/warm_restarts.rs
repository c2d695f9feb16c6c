//! Cosine annealing with warm restarts.

use std::f64::consts::PI;

use pt_file::Dict;

use super::scheduler::{LrScheduler, Schedule};
use crate::error::{Error, Result};
use crate::optim::dict_reader::{DictReader, mismatch};

/// Equivalent of `torch.optim.lr_scheduler.CosineAnnealingWarmRestarts` (SGDR, Loshchilov and Hutter, 2017).
///
/// `lr = eta_min + (initial_lr - eta_min) * (1 + cos(pi * t_cur / t_i)) / 2`, where `t_cur` is the number of epochs since the
/// last restart and `t_i` the number between two restarts. `t_i` is `t_0` at first, then it is multiplied by `t_mult`.
///
/// ```
/// use torch_ext::optim::{CosineAnnealingWarmRestarts, Sgd, SgdOptions, WarmRestarts};
/// # fn main() -> Result<(), torch_ext::Error> {
/// let w = tch::Tensor::zeros([1], tch::kind::FLOAT_CPU).set_requires_grad(true);
/// let mut optimizer = Sgd::new([&w], SgdOptions { lr: 1.0, ..SgdOptions::default() })?;
/// let mut scheduler = CosineAnnealingWarmRestarts::new(&mut optimizer, WarmRestarts { t_0: 2, t_mult: 2, eta_min: 0.0 })?;
/// let mut rates = vec![];
/// for _epoch in 0..7 {
///     rates.push((scheduler.last_lr()[0] * 1000.0).round() / 1000.0);
///     scheduler.step(&mut optimizer);
/// }
/// assert_eq!(rates, [1.0, 0.5, 1.0, 0.854, 0.5, 0.146, 1.0]);
/// # Ok(()) }
/// ```
pub type CosineAnnealingWarmRestarts = LrScheduler<WarmRestarts>;

/// Options of [`CosineAnnealingWarmRestarts`].
#[derive(Debug, Clone, PartialEq)]
pub struct WarmRestarts {
    /// The number of steps until the first restart; torch's `T_0`.
    pub t_0: i64,
    /// The factor of this number after each restart; torch's `T_mult`, by default 1.
    pub t_mult: i64,
    /// The lowest learning rate; torch's default is 0.
    pub eta_min: f64,
}

impl WarmRestarts {
    /// The epochs since the last restart, and the epochs between that restart and the next one.
    fn position(&self, epoch: i64) -> (i64, i64) {
        let (mut t_cur, mut t_i) = (epoch.max(0), self.t_0);
        if self.t_mult == 1 {
            return (t_cur % t_i, t_i);
        }
        while t_cur >= t_i {
            t_cur -= t_i;
            t_i = t_i.saturating_mul(self.t_mult);
        }
        (t_cur, t_i)
    }
}

impl Schedule for WarmRestarts {
    const COUNTS_STEPS: bool = false;

    fn next_lr(&self, _group: usize, epoch: i64, _lr: f64, base_lr: f64) -> f64 {
        let (t_cur, t_i) = self.position(epoch);
        self.eta_min + (base_lr - self.eta_min) * (1.0 + (PI * t_cur as f64 / t_i as f64).cos()) / 2.0
    }

    fn validate(&self, _groups: usize) -> Result<()> {
        if self.t_0 <= 0 {
            return Err(Error::InvalidArgument(format!("Expected positive integer T_0, but got {}", self.t_0)));
        }
        if self.t_mult < 1 {
            return Err(Error::InvalidArgument(format!("Expected integer T_mult >= 1, but got {}", self.t_mult)));
        }
        Ok(())
    }

    fn dict(&self, epoch: i64) -> Dict {
        let (t_cur, t_i) = self.position(epoch);
        let mut dict = Dict::new();
        dict.insert("T_0", self.t_0);
        dict.insert("T_i", t_i);
        dict.insert("T_mult", self.t_mult);
        dict.insert("eta_min", self.eta_min);
        dict.insert("T_cur", t_cur);
        dict
    }

    /// A state with a fraction of an epoch (`scheduler.step(epoch + i / n)` in Python) is rejected.
    fn with_saved(&self, saved: &DictReader<'_>) -> Result<Self> {
        let schedule =
            WarmRestarts { t_0: saved.int("T_0")?, t_mult: saved.int("T_mult")?, eta_min: saved.float("eta_min")? };
        schedule.validate(0)?;
        let (t_cur, t_i) = schedule.position(saved.int("last_epoch")?);
        let found = (saved.float("T_cur")?, saved.float("T_i")?);
        if found != (t_cur as f64, t_i as f64) {
            return Err(mismatch(format!(
                "T_cur and T_i are {found:?}, which step() without an argument does not give: expected {t_cur} and {t_i}; \
                 save the state after a whole epoch"
            )));
        }
        Ok(schedule)
    }
}
