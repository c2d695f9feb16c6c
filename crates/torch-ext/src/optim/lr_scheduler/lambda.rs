//! A schedule that is a closure.

use std::fmt;
use std::sync::Arc;

use pt_file::{Dict, Value};

use super::scheduler::{LrScheduler, Schedule};
use crate::error::{Error, Result};
use crate::optim::dict_reader::DictReader;

/// Equivalent of `torch.optim.lr_scheduler.LambdaLR`: `lr(t) = initial_lr * f(t)`, with t = 0, 1, 2, ..
///
/// ```
/// use torch_ext::optim::{Lambda, LambdaLr, Sgd, SgdOptions};
/// # fn main() -> Result<(), torch_ext::Error> {
/// let w = tch::Tensor::zeros([1], tch::kind::FLOAT_CPU).set_requires_grad(true);
/// let mut optimizer = Sgd::new([&w], SgdOptions { lr: 0.5, ..SgdOptions::default() })?;
/// let mut scheduler = LambdaLr::new(&mut optimizer, Lambda::new(|epoch| 1.0 / (1.0 + epoch as f64)))?;
/// assert_eq!(scheduler.last_lr(), [0.5]);
/// optimizer.step()?;
/// scheduler.step(&mut optimizer);
/// assert_eq!(scheduler.last_lr(), [0.25]);
/// # Ok(()) }
/// ```
pub type LambdaLr = LrScheduler<Lambda>;

type Factor = Arc<dyn Fn(i64) -> f64 + Send + Sync>;

/// The closures of [`LambdaLr`]: the factor of an epoch. Like Python's lambdas they are not saved: after loading a state, the
/// scheduler goes on with its own.
#[derive(Clone)]
pub struct Lambda {
    factors: Factors,
}

#[derive(Clone)]
enum Factors {
    All(Factor),
    Each(Vec<Factor>),
}

impl Lambda {
    /// One closure for every group.
    pub fn new(factor: impl Fn(i64) -> f64 + Send + Sync + 'static) -> Lambda {
        Lambda { factors: Factors::All(Arc::new(factor)) }
    }

    /// A closure for each group, in the order of the groups.
    pub fn for_each_group(factors: Vec<Box<dyn Fn(i64) -> f64 + Send + Sync>>) -> Lambda {
        Lambda { factors: Factors::Each(factors.into_iter().map(Arc::from).collect()) }
    }

    fn factor(&self, group: usize, epoch: i64) -> f64 {
        match &self.factors {
            Factors::All(factor) => factor(epoch),
            Factors::Each(factors) => factors.get(group).map_or(1.0, |factor| factor(epoch)),
        }
    }
}

impl Schedule for Lambda {
    fn next_lr(&self, group: usize, epoch: i64, _lr: f64, base_lr: f64) -> f64 {
        base_lr * self.factor(group, epoch)
    }

    fn validate(&self, groups: usize) -> Result<()> {
        match &self.factors {
            Factors::Each(factors) if factors.len() != groups => {
                Err(Error::InvalidArgument(format!("Expected {groups} lr_lambdas, but got {}", factors.len())))
            }
            _ => Ok(()),
        }
    }

    /// One `None` for each function, as Python writes it.
    fn dict(&self, _epoch: i64) -> Dict {
        let count = match &self.factors {
            Factors::All(_) => 1,
            Factors::Each(factors) => factors.len(),
        };
        let mut dict = Dict::new();
        dict.insert("lr_lambdas", Value::list((0..count).map(|_| Value::None)));
        dict
    }

    fn with_saved(&self, _saved: &DictReader<'_>) -> Result<Self> {
        Ok(self.clone())
    }
}

impl fmt::Debug for Lambda {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.factors {
            Factors::All(_) => "Lambda(one closure)",
            Factors::Each(_) => "Lambda(a closure for each group)",
        })
    }
}
