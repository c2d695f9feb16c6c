//! Which saved state belongs to which parameter: by name if both sides have names, else by position.

use std::collections::HashMap;

use pt_file::{Value, escape};

use super::dict_reader::{DictReader, mismatch};
use super::optimizer::{ParamGroup, Rule};
use crate::error::Result;
use crate::state_dict::quoted;

/// The names of a saved group; `None` if it has none.
pub(super) fn saved_names(saved: &DictReader<'_>, i: usize, params: usize) -> Result<Option<Vec<String>>> {
    let Some(value) = saved.dict().get("param_names") else {
        return Ok(None);
    };
    let names = value.as_slice().and_then(|names| names.iter().map(|name| name.as_str().map(str::to_owned)).collect());
    let names: Vec<String> =
        names.ok_or_else(|| mismatch(format!("param_groups[{i}][\"param_names\"] is not a list of names")))?;
    if names.len() != params {
        let found = names.len();
        return Err(mismatch(format!("param_groups[{i}][\"param_names\"] has {found} names for {params} parameters")));
    }
    Ok(Some(names))
}

/// For each parameter of a group the position of its state among the saved ones.
pub(super) fn positions<R: Rule>(group: &ParamGroup<R>, i: usize, saved: Option<&[String]>) -> Result<Vec<usize>> {
    let (Some(names), Some(saved)) = (&group.names, saved) else {
        return Ok((0..group.params.len()).collect());
    };
    let found: HashMap<&str, usize> = saved.iter().enumerate().map(|(at, name)| (name.as_str(), at)).collect();
    let position = |name: &String| {
        found.get(name.as_str()).copied().ok_or_else(|| {
            mismatch(format!(
                "param_groups[{i}] has no state for the parameter \"{}\", only for {}; \
                 pass the saved names to from_named, or load by position into an optimizer without names (Optimizer::new)",
                escape(name),
                quoted(saved)
            ))
        })
    };
    names.iter().map(position).collect()
}

/// A parameter as an error message names it, and what to do if its saved state has another shape.
#[derive(Debug)]
pub(super) struct Parameter {
    pub(super) text: String,
    pub(super) remedy: &'static str,
}

impl Parameter {
    /// `number` counts through all groups.
    pub(super) fn new(number: usize, name: Option<&String>, saved_name: Option<&String>) -> Parameter {
        let text = match name.or(saved_name) {
            Some(name) => format!("parameter {number} (\"{}\")", escape(name)),
            None => format!("parameter {number}"),
        };
        let remedy = match (name, saved_name) {
            (Some(_), Some(_)) => "build the model with the sizes of the saved one",
            (Some(_), None) => {
                "the model has other sizes than the saved one, or the saved state, which has no names, has its parameters in \
                 another order; create the layers in the order of Python's __init__"
            }
            (None, _) => {
                "the model has other sizes than the saved one, or its parameters are in another order (tch registers a bias \
                 before its weight); make the optimizer with from_named(torch_ext::nn::named_parameters(&vs), options), which \
                 has Python's order"
            }
        };
        Parameter { text, remedy }
    }
}

/// The number of a saved parameter: its key in `state`.
pub(super) fn number(value: &Value) -> Result<i64> {
    value.as_int().ok_or_else(|| mismatch(format!("a parameter's number is a {}", value.type_name())))
}
