//! Names and tensors, and their way into a model.

use std::collections::HashSet;

use indexmap::IndexMap;
use pt_file::escape;
use tch::Tensor;

use crate::error::{Error, Result};

/// The names, and the shapes that differ, that an error message lists. A file of 1 MB can have 30,000 names.
const MAX_LISTED: usize = 100;
/// The characters of a name in an error message.
const MAX_NAME: usize = 200;

/// Equivalent of `module.state_dict()`: names and tensors in registration order.
///
/// The tensors share their storage with the model's parameters and have no gradient.
#[derive(Debug, Default)]
pub struct StateDict {
    entries: IndexMap<String, Tensor>,
}

impl StateDict {
    /// An empty `state_dict`.
    pub fn new() -> StateDict {
        StateDict::default()
    }

    /// Adds a tensor at the end. A tensor that has the same name is replaced, in its place.
    pub fn insert(&mut self, name: impl Into<String>, tensor: Tensor) {
        self.entries.insert(name.into(), tensor);
    }

    /// Adds the entries of a submodule: with `rnn`, `weight_ih_l0` becomes `rnn.weight_ih_l0`.
    pub fn insert_module(&mut self, module: &str, state_dict: StateDict) {
        for (name, tensor) in state_dict.entries {
            self.insert(format!("{module}.{name}"), tensor);
        }
    }

    /// The entries of a submodule, under its own names: the opposite of [`StateDict::insert_module`].
    pub fn module(&self, module: &str) -> StateDict {
        let own = |name: &str| name.strip_prefix(module)?.strip_prefix('.').map(str::to_owned);
        self.iter().filter_map(|(name, tensor)| Some((own(name)?, tensor.shallow_clone()))).collect()
    }

    /// The tensor with this name.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.entries.get(name)
    }

    /// Names and tensors, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.entries.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Equivalent of `torch.nn.Module.load_state_dict`, for a model that consists of several layers.
    ///
    /// Copies the entries into `parameters`, in place: each keeps its kind, its device and its memory. `model` is the model's
    /// name in the error message. With `strict`, missing and unexpected names are an error. Shapes must always be equal.
    ///
    /// ```
    /// use torch_ext::StateDict;
    /// use tch::Tensor;
    /// # fn main() -> Result<(), torch_ext::Error> {
    /// let w = Tensor::zeros([2], tch::kind::FLOAT_CPU);
    /// let saved: StateDict = [("w".to_owned(), Tensor::from_slice(&[1f32, 2.0]))].into_iter().collect();
    /// saved.load_into("Model", [("w", &w)], true)?;
    /// assert_eq!(w.double_value(&[1]), 2.0);
    /// let error = saved.load_into("Model", [("v", &w)], true).unwrap_err();
    /// assert!(error.to_string().contains("Missing key(s) in state_dict: \"v\""));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Error::StateDict`] lists everything that does not fit, in torch's words, up to 100 of each kind. Nothing is copied then.
    /// (torch copies what fits before it raises.)
    pub fn load_into<'a>(
        &self,
        model: &str,
        parameters: impl IntoIterator<Item = (&'a str, &'a Tensor)>,
        strict: bool,
    ) -> Result<IncompatibleKeys> {
        let parameters: Vec<(&str, &Tensor)> = parameters.into_iter().collect();
        let keys = self.incompatible_keys(&parameters);
        let mut faults = Vec::new();
        if strict && !keys.missing_keys.is_empty() {
            faults.push(format!("Missing key(s) in state_dict: {}. ", quoted(&keys.missing_keys)));
        }
        if strict && !keys.unexpected_keys.is_empty() {
            faults.push(format!("Unexpected key(s) in state_dict: {}. ", quoted(&keys.unexpected_keys)));
        }
        let found: Vec<_> = parameters.iter().filter_map(|(name, to)| Some((name, self.get(name)?, to))).collect();
        let sizes = found.iter().map(|(name, from, to)| (name, from.size(), to.size()));
        let mismatches: Vec<_> = sizes.filter(|(_, from, to)| from != to).collect();
        for (name, from, to) in mismatches.iter().take(MAX_LISTED) {
            let name = escape(name);
            faults.push(format!(
                "size mismatch for {name}: copying a param with shape torch.Size({from:?}) from checkpoint, \
                 the shape in current model is torch.Size({to:?})."
            ));
        }
        if mismatches.len() > MAX_LISTED {
            faults.push(format!("and {} more size mismatches.", mismatches.len() - MAX_LISTED));
        }
        if !faults.is_empty() {
            let faults = faults.join("\n\t");
            return Err(Error::StateDict(format!("Error(s) in loading state_dict for {model}:\n\t{faults}")));
        }
        let _guard = tch::no_grad_guard();
        for (_, from, to) in found {
            to.shallow_clone().f_copy_(from)?;
        }
        Ok(keys)
    }

    fn incompatible_keys(&self, parameters: &[(&str, &Tensor)]) -> IncompatibleKeys {
        let known: HashSet<&str> = parameters.iter().map(|(name, _)| *name).collect();
        let missing = parameters.iter().map(|(name, _)| *name).filter(|name| self.get(name).is_none());
        let unexpected = self.iter().map(|(name, _)| name).filter(|name| !known.contains(name));
        IncompatibleKeys {
            missing_keys: missing.map(str::to_owned).collect(),
            unexpected_keys: unexpected.map(str::to_owned).collect(),
        }
    }
}

impl FromIterator<(String, Tensor)> for StateDict {
    fn from_iter<I: IntoIterator<Item = (String, Tensor)>>(entries: I) -> StateDict {
        StateDict { entries: entries.into_iter().collect() }
    }
}

/// The names that `load_state_dict` with `strict = false` ignored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IncompatibleKeys {
    /// Parameters of the model that are missing in the state_dict.
    pub missing_keys: Vec<String>,
    /// Entries of the state_dict that are not in the model.
    pub unexpected_keys: Vec<String>,
}

/// The first names in quotation marks, and the number of the others.
pub(crate) fn quoted(names: &[String]) -> String {
    let quote = |name: &String| format!("\"{}\"", shown(name));
    let mut text = names.iter().take(MAX_LISTED).map(quote).collect::<Vec<_>>().join(", ");
    if names.len() > MAX_LISTED {
        text += &format!(", and {} more", names.len() - MAX_LISTED);
    }
    text
}

/// A name as messages print it: escaped, and cut if it is long.
pub(super) fn shown(name: &str) -> String {
    match name.char_indices().nth(MAX_NAME) {
        Some((end, _)) => format!("{}...", escape(&name[..end])),
        None => escape(name).into_owned(),
    }
}
