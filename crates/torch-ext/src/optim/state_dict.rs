//! An optimizer's `state_dict()`, in Python's layout.
//!
//! ```text
//! {"state": {0: {"step": tensor(3.), "exp_avg": .., "exp_avg_sq": ..}, 1: ..},
//!  "param_groups": [{"param_names": ["fc.weight", "fc.bias"], "lr": 0.01, .., "params": [0, 1, ..]}]}
//! ```
//!
//! Parameters are numbered through all groups, in order. `param_names` is there if the optimizer has names. A loaded group may
//! have entries that are unknown here (`foreach`, a scheduler's `initial_lr`). They are kept and written again.

use pt_file::{Dict, Key, Value};

use super::dict_reader::{DictReader, mismatch};
use super::lr_scheduler::OneCycleGroup;
use super::matching::{self, Parameter};
use super::optimizer::{Optimizer, ParamGroup, Rule};
use crate::error::Result;

impl<R: Rule> Optimizer<R> {
    /// The state in Python's layout; `torch.optim.Optimizer.load_state_dict` reads it.
    ///
    /// # Errors
    /// If a tensor cannot be copied to the CPU.
    pub fn state_dict(&self) -> Result<Value> {
        let (mut state, mut groups) = (Dict::new(), Vec::new());
        let mut index = 0i64;
        for group in &self.groups {
            let first = index;
            for entry in &group.states {
                if let Some(entry) = entry {
                    state.insert(index, R::save(entry)?);
                }
                index += 1;
            }
            groups.push(group_dict(group, (first..index).collect()));
        }
        Ok(Value::dict([("state", Value::Dict(state)), ("param_groups", groups.into())]))
    }

    /// Replaces the options and the states of every group by saved ones, from Python or from here.
    ///
    /// State tensors are converted to the kind and device of their parameter, as in Python. The state of a parameter is found
    /// by its name if this optimizer ([`Optimizer::from_named`]) and the saved one have names. Otherwise it is found by its
    /// position, as in torch, and an order that differs is an error only if shapes differ. Without names here, the saved
    /// names are taken over, as in torch.
    ///
    /// # Errors
    /// [`Error::StateDict`](crate::Error::StateDict) if the groups do not fit (torch's words), an entry is missing or has
    /// another type, a name is missing, or a state has another shape than its parameter: the message has the parameter, both
    /// shapes and the remedy. This optimizer is unchanged then.
    pub fn load_state_dict(&mut self, state_dict: &Value) -> Result<()> {
        let state = entry(state_dict, "state")?;
        let state = state.as_dict().ok_or_else(|| mismatch(format!("\"state\" is a {}", state.type_name())))?;
        let groups = entry(state_dict, "param_groups")?;
        let groups =
            groups.as_slice().ok_or_else(|| mismatch(format!("\"param_groups\" is a {}", groups.type_name())))?;
        if groups.len() != self.groups.len() {
            return Err(mismatch("loaded state dict has a different number of parameter groups"));
        }
        let mut loaded = Vec::new();
        let (mut used, mut first) = (0, 0);
        for (i, (saved, group)) in groups.iter().zip(&self.groups).enumerate() {
            let saved = DictReader::new(saved, format!("param_groups[{i}]"))?;
            let indices = saved.get("params")?.as_slice().unwrap_or_default();
            if indices.len() != group.params.len() {
                return Err(mismatch(
                    "loaded state dict contains a parameter group that doesn't match the size of optimizer's group",
                ));
            }
            let options = R::from_group(&saved)?;
            reject_invalid(&options)?;
            let names = matching::saved_names(&saved, i, indices.len())?;
            let positions = matching::positions(group, i, names.as_deref())?;
            let mut states = Vec::new();
            for (at, (position, param)) in positions.into_iter().zip(&group.params).enumerate() {
                let index = matching::number(&indices[position])?;
                let name = group.names.as_ref().map(|names| &names[at]);
                let saved_name = names.as_ref().map(|names| &names[position]);
                let parameter = || Parameter::new(first + at, name, saved_name);
                let state = state.get(index).map(|state| {
                    used += 1;
                    R::load(&DictReader::of_parameter(state, format!("state[{index}]"), parameter())?, param)
                });
                states.push(state.transpose()?);
            }
            first += group.params.len();
            loaded.push((options, states, group.names.clone().or(names), saved.dict().clone()));
        }
        if used != state.len() {
            return Err(mismatch(format!(
                "\"state\" has {} entries for parameters that no group names",
                state.len() - used
            )));
        }
        for (group, (options, states, names, saved)) in self.groups.iter_mut().zip(loaded) {
            group.initial_lr = saved.get("initial_lr").and_then(Value::as_float);
            group.one_cycle = OneCycleGroup::from_group(&saved);
            (group.options, group.states, group.names, group.loaded) = (options, states, names, Some(saved));
        }
        Ok(())
    }
}

/// Checks loaded options. A schedule that ends at 0 may leave a learning rate of about -1e-17, which torch loads, too.
fn reject_invalid<R: Rule>(options: &R) -> Result<()> {
    let mut options = options.clone();
    let lr = options.lr_mut();
    if *lr < 0.0 {
        *lr = 0.0;
    }
    options.validate()
}

/// A group in Python's layout. A loaded group keeps its entries, in their order, except those that have changed since.
fn group_dict<R: Rule>(group: &ParamGroup<R>, params: Vec<i64>) -> Value {
    let mut new = Dict::new();
    if let Some(names) = &group.names {
        new.insert("param_names", Value::list(names.iter().map(String::as_str)));
    }
    for (key, value) in group.options.group().iter() {
        new.insert(key.clone(), value.clone());
    }
    if let Some(lr) = group.initial_lr {
        new.insert("initial_lr", lr);
    }
    if let Some(one_cycle) = &group.one_cycle {
        one_cycle.insert_into(&mut new);
    }
    new.insert("params", params);
    let Some(loaded) = &group.loaded else {
        return Value::Dict(new);
    };
    let mut dict = loaded.clone();
    for (key, value) in new.iter() {
        let old = loaded.get(key.clone());
        let unchanged =
            old.is_some_and(|old| is_implementation_choice(key) || same(old, value) || both_off(old, value));
        if !unchanged {
            dict.insert(key.clone(), value.clone());
        }
    }
    Value::Dict(dict)
}

/// Options that choose one of Python's implementations and have no effect here.
fn is_implementation_choice(key: &Key) -> bool {
    matches!(key.as_str(), Some("foreach" | "capturable" | "differentiable"))
}

/// Whether neither value turns an option on: `None` leaves the choice to Python, `False` turns it off.
fn both_off(a: &Value, b: &Value) -> bool {
    let off = |value: &Value| matches!(value, Value::None | Value::Bool(false));
    off(a) && off(b)
}

/// Whether two values are equal in Python, where `0 == 0.0`.
fn same(a: &Value, b: &Value) -> bool {
    match (a.as_float(), b.as_float(), a.as_slice(), b.as_slice()) {
        (Some(a), Some(b), ..) => a == b,
        (_, _, Some(a), Some(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        _ => a == b,
    }
}

fn entry<'a>(state_dict: &'a Value, key: &str) -> Result<&'a Value> {
    state_dict.get(key).ok_or_else(|| mismatch(format!("the optimizer's state has no \"{key}\"")))
}
