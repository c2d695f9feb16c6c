//! One schedule after another.

use std::fmt::Debug;

use pt_file::{Dict, Value};

use super::scheduler::{LrScheduler, Schedule};
use crate::error::{Error, Result};
use crate::optim::dict_reader::{DictReader, mismatch};
use crate::optim::optimizer::{Optimizer, Rule};

/// A scheduler that [`SequentialLr`] can run: every [`LrScheduler`].
pub trait SequentialPart: Debug + sealed::Part {}

impl<S: Schedule + 'static> SequentialPart for LrScheduler<S> {}

mod sealed {
    use super::{Result, SequentialPart, Value};

    /// What `SequentialLr` does with its parts. `lrs` are the learning rates of all groups.
    pub trait Part {
        fn undo(&mut self);
        fn start(&mut self, lrs: &mut [f64]);
        fn restart(&mut self, lrs: &mut [f64]);
        fn advance(&mut self, lrs: &mut [f64]);
        fn state_dict(&self) -> Value;
        fn loaded(&self, state_dict: &Value) -> Result<Box<dyn SequentialPart>>;
    }
}

impl<S: Schedule + 'static> sealed::Part for LrScheduler<S> {
    fn undo(&mut self) {
        self.last_epoch -= 1;
    }

    fn start(&mut self, lrs: &mut [f64]) {
        LrScheduler::start(self, lrs);
    }

    fn restart(&mut self, lrs: &mut [f64]) {
        LrScheduler::restart(self, lrs);
    }

    fn advance(&mut self, lrs: &mut [f64]) {
        LrScheduler::advance(self, lrs);
    }

    fn state_dict(&self) -> Value {
        LrScheduler::state_dict(self)
    }

    fn loaded(&self, state_dict: &Value) -> Result<Box<dyn SequentialPart>> {
        let mut scheduler = self.clone();
        scheduler.load_state_dict(state_dict)?;
        Ok(Box::new(scheduler))
    }
}

/// Equivalent of `torch.optim.lr_scheduler.SequentialLR`: runs one scheduler until a milestone, then the next one from its
/// epoch 0.
///
/// [`OneCycleLr`](super::OneCycleLr) and [`ReduceLrOnPlateau`](super::ReduceLrOnPlateau) cannot be part of it.
///
/// ```
/// use torch_ext::optim::{CosineAnnealing, CosineAnnealingLr, Linear, LinearLr, SequentialLr, Sgd, SgdOptions};
/// # fn main() -> Result<(), torch_ext::Error> {
/// let w = tch::Tensor::zeros([1], tch::kind::FLOAT_CPU).set_requires_grad(true);
/// let mut optimizer = Sgd::new([&w], SgdOptions { lr: 1.0, ..SgdOptions::default() })?;
/// let warm_up = LinearLr::new(&mut optimizer, Linear { start_factor: 0.25, end_factor: 1.0, total_iters: 3 })?;
/// let cosine = CosineAnnealingLr::new(&mut optimizer, CosineAnnealing { t_max: 2, eta_min: 0.0 })?;
/// let mut scheduler = SequentialLr::new(&mut optimizer, vec![Box::new(warm_up), Box::new(cosine)], vec![3])?;
/// let mut rates = vec![];
/// for _epoch in 0..5 {
///     rates.push((scheduler.last_lr()[0] * 1000.0).round() / 1000.0);
///     optimizer.step()?;
///     scheduler.step(&mut optimizer);
/// }
/// assert_eq!(rates, [0.25, 0.5, 0.75, 1.0, 0.5]);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct SequentialLr {
    parts: Vec<Box<dyn SequentialPart>>,
    milestones: Vec<i64>,
    last_epoch: i64,
    last_lr: Vec<f64>,
}

impl SequentialLr {
    /// Starts the first schedule. All `schedulers` must have been made for this optimizer. `milestones` are the epochs at which
    /// the second, third, .. scheduler begins.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] in torch's words without schedulers, or if there is not one milestone between every two.
    pub fn new<R: Rule>(
        optimizer: &mut Optimizer<R>,
        schedulers: Vec<Box<dyn SequentialPart>>,
        milestones: Vec<i64>,
    ) -> Result<SequentialLr> {
        if schedulers.is_empty() {
            let message = "SequentialLR expects at least one scheduler, but got no scheduler.";
            return Err(Error::InvalidArgument(message.to_owned()));
        }
        if milestones.len() + 1 != schedulers.len() {
            return Err(Error::InvalidArgument(format!(
                "Sequential Schedulers expects number of schedulers provided to be one more than the number of milestone \
                 points, but got number of schedulers {} and the number of milestones to be equal to {}",
                schedulers.len(),
                milestones.len()
            )));
        }
        let mut lrs = optimizer.learning_rates();
        for (lr, group) in lrs.iter_mut().zip(&optimizer.groups) {
            *lr = group.initial_lr.unwrap_or(*lr);
        }
        let mut scheduler = SequentialLr { parts: schedulers, milestones, last_epoch: 0, last_lr: Vec::new() };
        scheduler.parts.iter_mut().for_each(|part| part.undo());
        let active = scheduler.active();
        scheduler.parts[active].start(&mut lrs);
        optimizer.set_learning_rates(&lrs);
        scheduler.last_lr = lrs;
        Ok(scheduler)
    }

    /// Sets the learning rates of the next epoch.
    pub fn step<R: Rule>(&mut self, optimizer: &mut Optimizer<R>) {
        self.last_epoch += 1;
        let mut lrs = optimizer.learning_rates();
        let active = self.active();
        if active > 0 && self.milestones[active - 1] == self.last_epoch {
            self.parts[active].restart(&mut lrs);
        } else {
            self.parts[active].advance(&mut lrs);
        }
        optimizer.set_learning_rates(&lrs);
        self.last_lr = lrs;
    }

    /// The learning rate of each group after the last step.
    pub fn last_lr(&self) -> &[f64] {
        &self.last_lr
    }

    /// The index of the scheduler that runs in this epoch.
    fn active(&self) -> usize {
        self.milestones.partition_point(|milestone| *milestone <= self.last_epoch)
    }

    /// The state in Python's layout.
    pub fn state_dict(&self) -> Value {
        let mut dict = Dict::new();
        dict.insert("_milestones", self.milestones.clone());
        dict.insert("last_epoch", self.last_epoch);
        dict.insert("_last_lr", self.last_lr.clone());
        dict.insert("_schedulers", Value::list(self.parts.iter().map(|part| part.state_dict())));
        Value::Dict(dict)
    }

    /// Replaces the state and the options by saved ones. The schedulers must be of the same kinds in the same order.
    ///
    /// # Errors
    /// [`Error::StateDict`] if an entry is missing or has another type. This scheduler is unchanged then.
    pub fn load_state_dict(&mut self, state_dict: &Value) -> Result<()> {
        let saved = DictReader::new(state_dict, "the scheduler's state".to_owned())?;
        let parts = saved.get("_schedulers")?.as_slice().unwrap_or_default();
        let milestones = saved.get("_milestones")?.as_slice().unwrap_or_default();
        let milestones: Vec<i64> = milestones.iter().filter_map(Value::as_int).collect();
        if parts.len() != self.parts.len() || milestones.len() + 1 != parts.len() {
            return Err(mismatch(format!(
                "the scheduler's state has {} schedulers and {} milestones, this scheduler has {} and {}",
                parts.len(),
                milestones.len(),
                self.parts.len(),
                self.milestones.len()
            )));
        }
        let parts = self.parts.iter().zip(parts).map(|(part, saved)| part.loaded(saved)).collect::<Result<_>>()?;
        let (last_epoch, last_lr) = (saved.int("last_epoch")?, saved.floats("_last_lr")?);
        *self = SequentialLr { parts, milestones, last_epoch, last_lr };
        Ok(())
    }
}
