//! The optimizer: groups of parameters, and the update rule that is applied to them.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::fmt::Debug;

use pt_file::{Dict, escape};
use tch::Tensor;

use super::dict_reader::DictReader;
use super::lr_scheduler::OneCycleGroup;
use super::ops;
use crate::error::{Error, Result};

/// The update rule of an optimizer. The option structs of this module implement it.
pub trait Rule: Clone + Debug {
    /// The state of one parameter between steps.
    type State: Debug;

    /// The learning rate. Schedulers change it.
    fn lr_mut(&mut self) -> &mut f64;

    /// The momentum, or Adam's first beta. [`OneCycleLr`](super::OneCycleLr) changes it. `None` if the rule has neither.
    fn momentum_mut(&mut self) -> Option<&mut f64> {
        None
    }

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
    /// The names of the parameters, if they are known.
    pub(super) names: Option<Vec<String>>,
    pub(super) states: Vec<Option<R::State>>,
    /// The learning rate at the start of a schedule.
    pub(super) initial_lr: Option<f64>,
    /// The entries that `OneCycleLr` adds.
    pub(super) one_cycle: Option<OneCycleGroup>,
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

    /// The names of the parameters, if the optimizer was made with names or has loaded a state with names (`param_names`).
    pub fn names(&self) -> Option<&[String]> {
        self.names.as_deref()
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
    /// An optimizer with one group of parameters: `Adam(model.parameters())`.
    ///
    /// A state is saved and loaded by position. Prefer [`Optimizer::from_named`], and never pass
    /// `vs.trainable_variables()` if the state comes from Python: tch creates the bias of a layer before its weight.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for options that torch rejects, for an empty list of parameters, and for a parameter that is
    /// not a leaf of the graph.
    pub fn new<T: Borrow<Tensor>>(params: impl IntoIterator<Item = T>, options: R) -> Result<Self> {
        let mut optimizer = Optimizer { groups: Vec::new() };
        optimizer.add_param_group(params, options)?;
        optimizer.reject_empty()
    }

    /// An optimizer with one group of named parameters: `Adam(model.named_parameters())`.
    ///
    /// The state has the names, as in torch (`param_names`). [`Optimizer::load_state_dict`] finds the state of a parameter by
    /// its name if both sides have names, so the order does not matter. For a state without names the order must be that of
    /// the saved optimizer; [`named_parameters`](crate::nn::named_parameters) has Python's.
    ///
    /// ```
    /// use tch::{Device, nn};
    /// use torch_ext::nn::named_parameters;
    /// use torch_ext::optim::{Adam, AdamOptions};
    ///
    /// # fn main() -> torch_ext::Result<()> {
    /// let vs = nn::VarStore::new(Device::Cpu);
    /// let _fc = nn::linear(vs.root() / "fc", 4, 3, nn::LinearConfig::default());
    /// let optimizer = Adam::from_named(named_parameters(&vs), AdamOptions::default())?;
    /// assert_eq!(optimizer.param_groups()[0].names(), Some(&["fc.weight".to_owned(), "fc.bias".to_owned()][..]));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`Optimizer::new`], and for a name that appears twice.
    pub fn from_named<N: Into<String>, T: Borrow<Tensor>>(
        named_params: impl IntoIterator<Item = (N, T)>,
        options: R,
    ) -> Result<Self> {
        let mut optimizer = Optimizer { groups: Vec::new() };
        optimizer.add_named_param_group(named_params, options)?;
        optimizer.reject_empty()
    }

    fn reject_empty(self) -> Result<Self> {
        if self.groups.iter().all(|group| group.params.is_empty()) {
            return Err(Error::InvalidArgument("optimizer got an empty parameter list".to_owned()));
        }
        Ok(self)
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
        self.add_group(params.into_iter().map(|param| param.borrow().shallow_clone()).collect(), None, options)
    }

    /// Adds a group of named parameters with its own options.
    ///
    /// # Errors
    /// As [`Optimizer::add_param_group`] and [`Optimizer::from_named`]. All groups must have names, or none, as in torch.
    pub fn add_named_param_group<N: Into<String>, T: Borrow<Tensor>>(
        &mut self,
        named_params: impl IntoIterator<Item = (N, T)>,
        options: R,
    ) -> Result<()> {
        let named = named_params.into_iter().map(|(name, param)| (name.into(), param.borrow().shallow_clone()));
        let (names, params): (Vec<String>, Vec<Tensor>) = named.unzip();
        let mut seen = HashSet::new();
        if let Some(name) = names.iter().find(|name| !seen.insert(*name)) {
            return Err(Error::InvalidArgument(format!("the parameter name \"{}\" appears twice", escape(name))));
        }
        self.add_group(params, Some(names), options)
    }

    fn add_group(&mut self, params: Vec<Tensor>, names: Option<Vec<String>>, options: R) -> Result<()> {
        options.validate()?;
        if self.groups.iter().any(|group| group.names.is_some() != names.is_some()) {
            let with = if names.is_some() { "with" } else { "without" };
            return Err(Error::InvalidArgument(format!(
                "all optimizer param groups should be with/without names. cannot add param group {with} names to the \
                 optimizer"
            )));
        }
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
        let group = ParamGroup { params, names, states, initial_lr: None, one_cycle: None, loaded: None, options };
        self.groups.push(group);
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

    /// Sets the learning rate of each group.
    pub(super) fn set_learning_rates(&mut self, lrs: &[f64]) {
        self.groups.iter_mut().zip(lrs).for_each(|(group, lr)| *group.options.lr_mut() = *lr);
    }

    /// The learning rate of each group.
    pub(super) fn learning_rates(&mut self) -> Vec<f64> {
        self.groups.iter_mut().map(|group| *group.options.lr_mut()).collect()
    }
}
