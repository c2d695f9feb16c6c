//! Optimizers with PyTorch's arithmetic, to the bit, and with their state in reach.
//!
//! tch's own optimizers wrap `torch::optim` of C++, which rounds differently from the Python optimizers (training curves
//! drift apart from the second step on) and whose state can be neither read nor saved. These follow
//! `torch/optim/adam.py` and `sgd.py` operation by operation (the single-tensor path, Python's default on a CPU). On a GPU,
//! where equal bits are nobody's promise, Adam takes libtorch's fused kernel.
//!
//! ```
//! use tch::{Kind, Tensor, Device};
//! use torch_ext::optim::{Adam, AdamOptions};
//!
//! # fn main() -> Result<(), torch_ext::Error> {
//! let w = Tensor::ones([3], (Kind::Float, Device::Cpu)).set_requires_grad(true);
//! let mut optimizer = Adam::new([&w], AdamOptions { lr: 0.1, ..AdamOptions::default() })?;
//! for _ in 0..100 {
//!     let loss = (&w * &w).sum(Kind::Float);
//!     optimizer.zero_grad()?;
//!     loss.backward();
//!     optimizer.step()?;
//! }
//! assert!(w.abs().max().double_value(&[]) < 0.01);
//! # Ok(()) }
//! ```

mod adam;
mod clip;
mod lr_scheduler;
mod ops;
mod rmsprop;
mod saved;
mod sgd;
mod stateful;

use std::borrow::Borrow;
use std::fmt::Debug;

use tch::Tensor;

pub use adam::{AdamOptions, AdamState};
pub use clip::{clip_grad_norm_, clip_grad_value_};
pub use lr_scheduler::{
    CosineAnnealing, CosineAnnealingLr, Exponential, ExponentialLr, LrScheduler, PlateauMode, PlateauOptions,
    ReduceLrOnPlateau, Schedule, StepDecay, StepLr, ThresholdMode,
};
use pt_file::Dict;
pub use rmsprop::{RmsPropOptions, RmsPropState};
pub use saved::Saved;
pub use sgd::{SgdOptions, SgdState};
pub use stateful::Stateful;

use crate::error::{Error, Result};

/// Adam, or AdamW with `decoupled_weight_decay`: `torch.optim.Adam(params, lr, betas, eps, weight_decay, amsgrad)`.
pub type Adam = Optimizer<AdamOptions>;

/// Stochastic gradient descent: `torch.optim.SGD(params, lr, momentum, dampening, weight_decay, nesterov)`.
pub type Sgd = Optimizer<SgdOptions>;

/// RMSprop: `torch.optim.RMSprop(params, lr, alpha, eps, weight_decay, momentum, centered)`.
pub type RmsProp = Optimizer<RmsPropOptions>;

/// How one optimizer updates parameters; its implementations are the option structs of this module.
pub trait Rule: Clone + Debug {
    /// What is remembered for one parameter from step to step.
    type State: Debug;

    /// The learning rate, which schedulers change.
    fn lr_mut(&mut self) -> &mut f64;

    /// Refuses options that torch refuses, in its words.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for the first bad value.
    fn validate(&self) -> Result<()>;

    /// Updates `param` in place from `grad`; `state` is `None` before the first step.
    ///
    /// # Errors
    /// If libtorch refuses, say because shapes or devices differ.
    fn update(&self, param: &mut Tensor, grad: &Tensor, state: &mut Option<Self::State>) -> Result<()>;

    /// Updates those of a group's parameters that have a gradient, each with its state, as [`Rule::update`] would. For
    /// optimizers that know a quicker way than one after the other, which is what the default does.
    ///
    /// # Errors
    /// As [`Rule::update`].
    fn update_group(&self, params: &mut [Tensor], states: &mut [Option<Self::State>]) -> Result<()> {
        update_each(self, params, states)
    }

    /// The options as Python keeps them in a param group, in its order and without `params`.
    fn group(&self) -> Dict;

    /// The options of a saved param group.
    ///
    /// # Errors
    /// [`Error::StateDict`] if one is missing or of another type.
    fn from_group(group: &Saved<'_>) -> Result<Self>;

    /// A parameter's state as Python keeps it.
    ///
    /// # Errors
    /// If a tensor cannot be copied to the CPU.
    fn save(state: &Self::State) -> Result<Dict>;

    /// The saved state of `param`.
    ///
    /// # Errors
    /// [`Error::StateDict`] if an entry is missing, of another type or of another shape.
    fn load(saved: &Saved<'_>, param: &Tensor) -> Result<Self::State>;
}

/// [`Rule::update`] of every parameter that has a gradient.
fn update_each<R: Rule>(rule: &R, params: &mut [Tensor], states: &mut [Option<R::State>]) -> Result<()> {
    for (param, state) in params.iter_mut().zip(states) {
        let grad = param.grad();
        if grad.defined() {
            rule.update(param, &grad, state)?;
        }
    }
    Ok(())
}

/// Refuses negative values and NaN, in torch's words.
fn refuse_below_zero(values: &[(&str, f64)]) -> Result<()> {
    match values.iter().find(|(_, value)| value.is_nan() || *value < 0.0) {
        Some((what, value)) => Err(Error::InvalidArgument(format!("Invalid {what}: {value:?}"))),
        None => Ok(()),
    }
}

/// Parameters that are updated with the same options.
#[derive(Debug)]
pub struct ParamGroup<R: Rule> {
    params: Vec<Tensor>,
    states: Vec<Option<R::State>>,
    /// The learning rate that a scheduler started from.
    initial_lr: Option<f64>,
    /// The group from which the options were loaded.
    loaded: Option<Dict>,
    /// The options; change them between steps at will (a learning-rate schedule does).
    pub options: R,
}

impl<R: Rule> ParamGroup<R> {
    /// The parameters, in the order in which they were given.
    pub fn params(&self) -> &[Tensor] {
        &self.params
    }

    /// The state of each parameter; `None` where it has not been updated yet.
    pub fn states(&self) -> &[Option<R::State>] {
        &self.states
    }

    /// The same, to be changed: how a saved state is put back.
    pub fn states_mut(&mut self) -> &mut [Option<R::State>] {
        &mut self.states
    }
}

/// An optimizer over one or more groups of parameters, as `torch.optim.Optimizer`.
#[derive(Debug)]
pub struct Optimizer<R: Rule> {
    groups: Vec<ParamGroup<R>>,
}

impl<R: Rule> Optimizer<R> {
    /// An optimizer with one group.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for options that torch refuses, for no parameters at all, and for a parameter that is
    /// the result of a computation.
    pub fn new<T: Borrow<Tensor>>(params: impl IntoIterator<Item = T>, options: R) -> Result<Self> {
        let mut optimizer = Optimizer { groups: Vec::new() };
        optimizer.add_param_group(params, options)?;
        if optimizer.groups[0].params.is_empty() {
            return Err(Error::InvalidArgument("optimizer got an empty parameter list".to_owned()));
        }
        Ok(optimizer)
    }

    /// Adds a group with options of its own.
    ///
    /// # Errors
    /// As [`Optimizer::new`]; also if a parameter is in another group already, or twice in this one.
    pub fn add_param_group<T: Borrow<Tensor>>(
        &mut self,
        params: impl IntoIterator<Item = T>,
        options: R,
    ) -> Result<()> {
        options.validate()?;
        let params: Vec<Tensor> = params.into_iter().map(|param| param.borrow().shallow_clone()).collect();
        for (i, param) in params.iter().enumerate() {
            if !param.is_leaf() {
                return Err(Error::InvalidArgument("can't optimize a non-leaf Tensor".to_owned()));
            }
            let same = |other: &Tensor| other.data_ptr() == param.data_ptr() && param.numel() > 0;
            if self.groups.iter().flat_map(|group| &group.params).any(same) {
                return Err(Error::InvalidArgument(
                    "some parameters appear in more than one parameter group".to_owned(),
                ));
            }
            if params[..i].iter().any(same) {
                return Err(Error::InvalidArgument("a parameter appears twice in a parameter group".to_owned()));
            }
        }
        let states = params.iter().map(|_| None).collect();
        self.groups.push(ParamGroup { params, states, initial_lr: None, loaded: None, options });
        Ok(())
    }

    /// The groups, the first one being that of [`Optimizer::new`].
    pub fn param_groups(&self) -> &[ParamGroup<R>] {
        &self.groups
    }

    /// The same, to be changed.
    pub fn param_groups_mut(&mut self) -> &mut [ParamGroup<R>] {
        &mut self.groups
    }

    /// Forgets the gradients (`zero_grad(set_to_none=True)`, Python's default).
    ///
    /// # Errors
    /// If libtorch refuses.
    pub fn zero_grad(&mut self) -> Result<()> {
        self.groups.iter_mut().flat_map(|group| &mut group.params).try_for_each(ops::clear_grad)
    }

    /// One step: updates every parameter that has a gradient; the others, and their states, stay as they are.
    ///
    /// # Errors
    /// If libtorch refuses; parameters before the offending one have then been updated.
    pub fn step(&mut self) -> Result<()> {
        let _guard = tch::no_grad_guard();
        self.groups.iter_mut().try_for_each(|group| group.options.update_group(&mut group.params, &mut group.states))
    }
}
