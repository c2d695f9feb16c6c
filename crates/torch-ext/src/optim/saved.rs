//! Optimizer states as Python writes and reads them: `optimizer.state_dict()`.
//!
//! ```text
//! {"state": {0: {"step": tensor(3.), "exp_avg": .., "exp_avg_sq": ..}, 1: ..},
//!  "param_groups": [{"lr": 0.01, "betas": (0.9, 0.999), .., "params": [0, 1, ..]}]}
//! ```
//!
//! Parameters are numbered through all groups, in order. What a loaded group holds beyond the options known here
//! (`foreach`, `fused`, a scheduler's `initial_lr`) is kept and written back.

use pt_file::{Dict, Key, Value};
use tch::Tensor;

use super::{Optimizer, ParamGroup, Rule};
use crate::error::{Error, Result};

impl<R: Rule> Optimizer<R> {
    /// The state in Python's layout; `torch.optim.Optimizer.load_state_dict` takes it.
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

    /// Takes over a saved state, Python's or ours: options and states of every group.
    ///
    /// State tensors get the kind and device of their parameter, as in Python.
    ///
    /// # Errors
    /// [`Error::StateDict`] if the groups do not fit (torch's words), an entry is missing or of another type, or a
    /// state has not its parameter's shape; this optimizer is then as before.
    pub fn load_state_dict(&mut self, state_dict: &Value) -> Result<()> {
        let state = entry(state_dict, "state")?;
        let state = state.as_dict().ok_or_else(|| fault(format!("\"state\" is a {}", state.type_name())))?;
        let groups = entry(state_dict, "param_groups")?;
        let groups = groups.as_slice().ok_or_else(|| fault(format!("\"param_groups\" is a {}", groups.type_name())))?;
        if groups.len() != self.groups.len() {
            return Err(fault("loaded state dict has a different number of parameter groups"));
        }
        let mut loaded = Vec::new();
        let mut used = 0;
        for (i, (saved, group)) in groups.iter().zip(&self.groups).enumerate() {
            let saved = Saved::new(saved, format!("param_groups[{i}]"))?;
            let indices = saved.get("params")?.as_slice().unwrap_or_default();
            if indices.len() != group.params.len() {
                return Err(fault(
                    "loaded state dict contains a parameter group that doesn't match the size of optimizer's group",
                ));
            }
            let options = R::from_group(&saved)?;
            options.validate()?;
            let mut states = Vec::new();
            for (index, param) in indices.iter().zip(&group.params) {
                let index =
                    index.as_int().ok_or_else(|| fault(format!("a parameter's number is a {}", index.type_name())))?;
                let state = state.get(index).map(|state| {
                    used += 1;
                    R::load(&Saved::new(state, format!("state[{index}]"))?, param)
                });
                states.push(state.transpose()?);
            }
            loaded.push((options, states, saved.dict.clone()));
        }
        if used != state.len() {
            return Err(fault(format!(
                "\"state\" has {} entries for parameters that no group names",
                state.len() - used
            )));
        }
        for (group, (options, states, saved)) in self.groups.iter_mut().zip(loaded) {
            group.initial_lr = saved.get("initial_lr").and_then(Value::as_float);
            (group.options, group.states, group.loaded) = (options, states, Some(saved));
        }
        Ok(())
    }
}

/// A group in Python's order: as it was loaded, with what has changed since; else as Python makes a new one.
fn group_dict<R: Rule>(group: &ParamGroup<R>, params: Vec<i64>) -> Value {
    let mut ours = group.options.group();
    if let Some(lr) = group.initial_lr {
        ours.insert("initial_lr", lr);
    }
    ours.insert("params", params);
    let Some(loaded) = &group.loaded else {
        return Value::Dict(ours);
    };
    let mut dict = loaded.clone();
    for (key, value) in ours.iter() {
        let known = loaded.get(key.clone());
        let stays =
            known.is_some_and(|known| is_choice_of_code_path(key) || same(known, value) || both_off(known, value));
        if !stays {
            dict.insert(key.clone(), value.clone());
        }
    }
    Value::Dict(dict)
}

/// Options that choose among Python's implementations and mean nothing here.
fn is_choice_of_code_path(key: &Key) -> bool {
    matches!(key.as_str(), Some("foreach" | "capturable" | "differentiable"))
}

/// `None` leaves a switch to Python, `False` turns it off: neither turns it on.
fn both_off(a: &Value, b: &Value) -> bool {
    let off = |value: &Value| matches!(value, Value::None | Value::Bool(false));
    off(a) && off(b)
}

/// Whether two values are equal to Python, to which 0 is 0.0.
fn same(a: &Value, b: &Value) -> bool {
    match (a.as_float(), b.as_float(), a.as_slice(), b.as_slice()) {
        (Some(a), Some(b), ..) => a == b,
        (_, _, Some(a), Some(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        _ => a == b,
    }
}

/// A saved dict and where it stands, for messages.
#[derive(Debug)]
pub struct Saved<'a> {
    dict: &'a Dict,
    place: String,
}

impl<'a> Saved<'a> {
    pub(crate) fn new(value: &'a Value, place: String) -> Result<Saved<'a>> {
        let dict = value.as_dict().ok_or_else(|| fault(format!("{place} is a {}, not a dict", value.type_name())))?;
        Ok(Saved { dict, place })
    }

    pub(crate) fn get(&self, key: &str) -> Result<&'a Value> {
        self.dict.get(key).ok_or_else(|| fault(format!("{} has no \"{key}\"", self.place)))
    }

    fn wrong_type(&self, key: &str, value: &Value, wanted: &str) -> Error {
        fault(format!("{}[\"{key}\"] is a {}, not a {wanted}", self.place, value.type_name()))
    }

    pub(crate) fn float(&self, key: &str) -> Result<f64> {
        let value = self.get(key)?;
        // A learning rate may be a tensor of one element in Python.
        let number = value.as_float().or_else(|| scalar(value));
        number.ok_or_else(|| self.wrong_type(key, value, "number"))
    }

    pub(crate) fn int(&self, key: &str) -> Result<i64> {
        let value = self.get(key)?;
        value.as_int().ok_or_else(|| self.wrong_type(key, value, "whole number"))
    }

    pub(crate) fn bool(&self, key: &str) -> Result<bool> {
        let value = self.get(key)?;
        value.as_bool().ok_or_else(|| self.wrong_type(key, value, "bool"))
    }

    /// For options that older versions of torch did not have.
    pub(crate) fn bool_or(&self, key: &str, default: bool) -> Result<bool> {
        if self.dict.get(key).is_some() { self.bool(key) } else { Ok(default) }
    }

    /// Whether a switch is on that may also be off, `None` or absent.
    pub(crate) fn is_true(&self, key: &str) -> bool {
        self.dict.get(key).and_then(Value::as_bool).unwrap_or(false)
    }

    pub(crate) fn floats(&self, key: &str) -> Result<Vec<f64>> {
        let value = self.get(key)?;
        let numbers = value.as_slice().and_then(|items| items.iter().map(Value::as_float).collect());
        numbers.ok_or_else(|| self.wrong_type(key, value, "list of numbers"))
    }

    /// The number of steps: a tensor since torch 1.12, an int before.
    pub(crate) fn step(&self) -> Result<u64> {
        let value = self.get("step")?;
        let step = value.as_float().or_else(|| scalar(value)).filter(|step| *step >= 0.0 && step.fract() == 0.0);
        step.map(|step| step as u64).ok_or_else(|| self.wrong_type("step", value, "number of steps"))
    }

    /// A tensor of the parameter's shape, with its kind and on its device.
    pub(crate) fn tensor(&self, key: &str, param: &Tensor) -> Result<Tensor> {
        let value = self.get(key)?;
        let saved = value.as_tensor().ok_or_else(|| self.wrong_type(key, value, "tensor"))?;
        let tensor = Tensor::try_from(saved).map_err(|error| fault(format!("{}[\"{key}\"]: {error}", self.place)))?;
        if tensor.size() != param.size() {
            return Err(fault(format!(
                "{}[\"{key}\"] has shape {:?}, its parameter {:?}",
                self.place,
                tensor.size(),
                param.size()
            )));
        }
        Ok(tensor.f_to_kind(param.kind())?.f_to_device(param.device())?)
    }

    /// The same, where the entry may be absent or `None`.
    pub(crate) fn tensor_or_none(&self, key: &str, param: &Tensor) -> Result<Option<Tensor>> {
        match self.dict.get(key) {
            None | Some(Value::None) => Ok(None),
            Some(_) => self.tensor(key, param).map(Some),
        }
    }
}

/// An option whose default is the int 0 in Python.
pub(crate) fn number(value: f64) -> Value {
    if value == 0.0 { Value::Int(0) } else { Value::Float(value) }
}

/// A step count as Python keeps it: a float32 tensor without dimensions.
pub(crate) fn saved_step(step: u64) -> Value {
    pt_file::Tensor::scalar(step as f32).into()
}

/// A copy of a tensor on the CPU.
pub(crate) fn saved_tensor(tensor: &Tensor) -> Result<Value> {
    Ok(pt_file::Tensor::try_from(tensor).map_err(|error| Error::Torch(error.to_string()))?.into())
}

/// The element of a tensor of one element.
fn scalar(value: &Value) -> Option<f64> {
    let tensor = Tensor::try_from(value.as_tensor()?).ok()?;
    if tensor.numel() == 1 {
        tensor.f_to_kind(tch::Kind::Double).ok()?.f_double_value(&vec![0; tensor.dim()]).ok()
    } else {
        None
    }
}

fn entry<'a>(state_dict: &'a Value, key: &str) -> Result<&'a Value> {
    state_dict.get(key).ok_or_else(|| fault(format!("the optimizer's state has no \"{key}\"")))
}

pub(crate) fn fault(message: impl Into<String>) -> Error {
    Error::StateDict(message.into())
}
