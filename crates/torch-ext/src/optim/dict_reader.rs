//! Reads the entries of a saved dict, and writes values as Python does.

use pt_file::{Dict, Value};
use tch::Tensor;

use super::matching::Parameter;
use crate::convert;
use crate::error::{Error, Result};

/// Typed access to the entries of a saved dict. Error messages name the dict and the entry.
#[derive(Debug)]
pub struct DictReader<'a> {
    dict: &'a Dict,
    name: String,
    /// The parameter whose state it is.
    parameter: Option<Parameter>,
}

impl<'a> DictReader<'a> {
    pub(crate) fn new(value: &'a Value, name: String) -> Result<DictReader<'a>> {
        let dict = value.as_dict().ok_or_else(|| mismatch(format!("{name} is a {}, not a dict", value.type_name())))?;
        Ok(DictReader { dict, name, parameter: None })
    }

    /// The state of a parameter. The messages about shapes name the parameter.
    pub(super) fn of_parameter(value: &'a Value, name: String, parameter: Parameter) -> Result<DictReader<'a>> {
        Ok(DictReader { parameter: Some(parameter), ..DictReader::new(value, name)? })
    }

    pub(crate) fn dict(&self) -> &'a Dict {
        self.dict
    }

    pub(crate) fn get(&self, key: &str) -> Result<&'a Value> {
        self.dict.get(key).ok_or_else(|| mismatch(format!("{} has no \"{key}\"", self.name)))
    }

    fn wrong_type(&self, key: &str, value: &Value, wanted: &str) -> Error {
        mismatch(format!("{}[\"{key}\"] is a {}, not a {wanted}", self.name, value.type_name()))
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

    /// For an option that older versions of torch do not have.
    pub(crate) fn bool_or(&self, key: &str, default: bool) -> Result<bool> {
        if self.dict.get(key).is_some() { self.bool(key) } else { Ok(default) }
    }

    /// Whether an option is `True`. It may also be `False`, `None` or missing.
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

    /// A tensor of the parameter's shape, converted to its kind and device.
    pub(crate) fn tensor(&self, key: &str, param: &Tensor) -> Result<Tensor> {
        let value = self.get(key)?;
        let saved = value.as_tensor().ok_or_else(|| self.wrong_type(key, value, "tensor"))?;
        let tensor =
            convert::from_pt_file(saved).map_err(|error| mismatch(format!("{}[\"{key}\"]: {error}", self.name)))?;
        if tensor.size() != param.size() {
            let (name, saved, shape) = (&self.name, tensor.size(), param.size());
            return Err(mismatch(match &self.parameter {
                Some(Parameter { text, remedy }) => {
                    format!("{name}[\"{key}\"] has shape {saved:?}, but {text} has shape {shape:?}: {remedy}")
                }
                None => format!("{name}[\"{key}\"] has shape {saved:?}, but its parameter has shape {shape:?}"),
            }));
        }
        Ok(tensor.f_to_kind(param.kind())?.f_to_device(param.device())?)
    }

    /// [`DictReader::tensor`] for an entry that may be missing or `None`.
    pub(crate) fn tensor_or_none(&self, key: &str, param: &Tensor) -> Result<Option<Tensor>> {
        match self.dict.get(key) {
            None | Some(Value::None) => Ok(None),
            Some(_) => self.tensor(key, param).map(Some),
        }
    }
}

/// A number whose default in Python is the int 0.
pub(crate) fn number(value: f64) -> Value {
    if value == 0.0 { Value::Int(0) } else { Value::Float(value) }
}

/// A step count as Python saves it: a float32 tensor without dimensions.
pub(crate) fn saved_step(step: u64) -> Value {
    pt_file::Tensor::scalar(step as f32).into()
}

/// A copy of a tensor on the CPU.
pub(crate) fn saved_tensor(tensor: &Tensor) -> Result<Value> {
    Ok(convert::to_pt_file(tensor)?.into())
}

/// The value of a tensor with one element.
fn scalar(value: &Value) -> Option<f64> {
    let tensor = convert::from_pt_file(value.as_tensor()?).ok()?;
    if tensor.numel() == 1 {
        tensor.f_to_kind(tch::Kind::Double).ok()?.f_double_value(&vec![0; tensor.dim()]).ok()
    } else {
        None
    }
}

pub(crate) fn mismatch(message: impl Into<String>) -> Error {
    Error::StateDict(message.into())
}
