//! The optimizer: groups of parameters, and the update rule that is applied to them.

use std::borrow::Borrow;
use std::fmt::Debug;

use pt_file::Dict;
use tch::Tensor;

use super::dict_reader::DictReader;
use super::ops;
use crate::error::{Error, Result};

/// The update rule of an optimizer. The option structs of this module implement it.
pub trait Rule: Clone + Debug {
    /// The state of one parameter between steps.
    type State: Debug;

    /// The learning rate. Schedulers change it.
    fn lr_mut(&mut self) -> &mut f64;

    /// Checks the options as torch does.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for the first value that torch rejects, in its words.
    fn validate(&self) -> Result<()>;

    /// Updates `param` in place from `grad`. `state` is `None` before the first step.
    ///
    /// # Errors
    /// If the shapes or devices of `param`, `grad` and `state` do not fit.
    fn update(&self, param: &mut Tensor, grad: &Tensor, state: &mut Option<Self::State>) -> Result<()>;

    /// Updates every parameter of a group that has a gradient: the same results as [`Rule::update`].
    ///
    /// The default calls `update` for one after the other. An optimizer may have a faster implementation.
    ///
    /// # Errors
    /// As [`Rule::update`].
    fn update_group(&self, params: &mut [Tensor], states: &mut [Option<Self::State>]) -> Result<()> {
        update_each(params, states, |param, grad, state| self.update(param, grad, state))
    }

    /// The options in the layout and order of Python's param group, without `params`.
    fn group(&self) -> Dict;

    /// The options of a saved param group.
    ///
    /// # Errors
    /// [`Error::StateDict`] if one is missing or has another type.
    fn from_group(group: &DictReader<'_>) -> Result<Self>;

    /// A parameter's state in Python's layout.
    ///
    /// # Errors
    /// If a tensor cannot be copied to the CPU.
    fn save(state: &Self::State) -> Result<Dict>;

    /// The saved state of `param`.
    ///
    /// # Errors
    /// [`Error::StateDict`] if an entry is missing, or has another type or shape.
    fn load(saved: &DictReader<'_>, param: &Tensor) -> Result<Self::State>;
}

/// Calls `update` for every parameter that has a gradient.
pub(super) fn update_each<S>(
    params: &mut [Tensor],
    states: &mut [Option<S>],
    update: impl Fn(&mut Tensor, &Tensor, &mut Option<S>) -> Result<()>,
) -> Result<()> {
    for (param, state) in params.iter_mut().zip(states) {
        let grad = param.grad();
        if grad.defined() {
            update(param, &grad, state)?;
        }
    }
    Ok(())
}

/// Rejects negative values and NaN, in torch's words.
pub(super) fn reject_negative(values: &[(&str, f64)]) -> Result<()> {
    match values.iter().find(|(_, value)| value.is_nan() || *value < 0.0) {
        Some((what, value)) => Err(Error::InvalidArgument(format!("Invalid {what}: {value:?}"))),
        None => Ok(()),
    }
}

/// Parameters with common options: an entry of `optimizer.param_groups`.
#[derive(Debug)]
pub struct ParamGroup<R: Rule> {
    pub(super) params: Vec<Tensor>,
    pub(super) states: Vec<Option<R::State>>,
    /// The learning rate at the start of a schedule.
    pub(super) initial_lr: Option<f64>,
    /// The saved group that `load_state_dict` read.
    pub(super) loaded: Option<Dict>,
    /// The options. They may be changed between steps, as a learning-rate schedule does.
    pub options: R,
}

impl<R: Rule> ParamGroup<R> {
    /// The parameters, in the order of [`Optimizer::new`].
    pub fn params(&self) -> &[Tensor] {
        &self.params
    }

    /// The state of each parameter; `None` before its first update.
    pub fn states(&self) -> &[Option<R::State>] {
        &self.states
    }

    /// The states, to restore saved ones.
    pub fn states_mut(&mut self) -> &mut [Option<R::State>] {
        &mut self.states
    }
}

/// Equivalent of `torch.optim.Optimizer`: updates one or more groups of parameters.
#[derive(Debug)]
pub struct Optimizer<R: Rule> {
    pub(super) groups: Vec<ParamGroup<R>>,
}

impl<R: Rule> Optimizer<R> {
    /// An optimizer with one group of parameters.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for options that torch rejects, for an empty list of parameters, and for a parameter that is
    /// not a leaf of the graph.
    pub fn new<T: Borrow<Tensor>>(params: impl IntoIterator<Item = T>, options: R) -> Result<Self> {
        let mut optimizer = Optimizer { groups: Vec::new() };
        optimizer.add_param_group(params, options)?;
        if optimizer.groups[0].params.is_empty() {
            return Err(Error::InvalidArgument("optimizer got an empty parameter list".to_owned()));
        }
        Ok(optimizer)
    }

    /// Adds a group with its own options.
    ///
    /// # Errors
    /// As [`Optimizer::new`]; also if a parameter is already in another group, or appears twice in this one.
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

    /// The groups. The first one is that of [`Optimizer::new`].
    pub fn param_groups(&self) -> &[ParamGroup<R>] {
        &self.groups
    }

    /// The groups, to change their options.
    pub fn param_groups_mut(&mut self) -> &mut [ParamGroup<R>] {
        &mut self.groups
    }

    /// Equivalent of `optimizer.zero_grad()`: removes the gradients (`set_to_none=True`, Python's default).
    pub fn zero_grad(&mut self) -> Result<()> {
        self.groups.iter_mut().flat_map(|group| &mut group.params).try_for_each(ops::clear_grad)
    }

    /// Equivalent of `optimizer.step()`: updates every parameter that has a gradient.
    ///
    /// # Errors
    /// If a gradient does not fit its parameter. The parameters before it are updated then.
    pub fn step(&mut self) -> Result<()> {
        let _guard = tch::no_grad_guard();
        self.groups.iter_mut().try_for_each(|group| group.options.update_group(&mut group.params, &mut group.states))
    }

    /// The learning rate of each group.
    pub(super) fn learning_rates(&mut self) -> Vec<f64> {
        self.groups.iter_mut().map(|group| *group.options.lr_mut()).collect()
    }
}
