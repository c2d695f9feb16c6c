//! The state dict of a module that was saved whole.

use std::collections::HashSet;

use super::{Dict, Object, ScriptClass, Value};
use crate::{Error, Key, Result};

/// The separator of names in a file of tch's `VarStore::save`, because TorchScript does not allow a dot.
const TCH_SEPARATOR: char = '|';

/// The limit on the length of a name. Without it, a small file with nested modules can have gigabytes of names.
const MAX_NAME: usize = 4096;

impl<T: Clone> Value<T> {
    /// The state dict at `path`: the keys from the top level down, separated by dots, or `""` for the value itself.
    ///
    /// If there is a whole module (`torch.save(model, ..)`), the result has the names and tensors of
    /// `model.state_dict()`. For a TorchScript archive it has those of `torch.jit.load(path).state_dict()`: the parameters
    /// and buffers that the archive's code declares, or every tensor attribute if the declaration is missing. For a file of
    /// tch's `VarStore::save` it has the names in the store. A dict is returned as it is.
    ///
    /// ```
    /// use pt_file::{Tensor, Value};
    /// let checkpoint = Value::dict([("model", Value::state_dict([("fc.bias", Tensor::scalar(0f32))]))]);
    /// assert!(checkpoint.state_dict_at("model")?.get("fc.bias").is_some());
    /// # Ok::<(), pt_file::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NoStateDict`] if nothing is at `path`, or neither a module nor a dict, and if the name of a tensor in a
    /// module has more than 4096 bytes.
    pub fn state_dict_at(&self, path: &str) -> Result<Dict<T>> {
        let fault = |what: String| Error::NoStateDict { at: path.to_owned(), what };
        let value = self.find(path).ok_or_else(|| fault(format!("nothing; the keys are {}", self.key_list())))?;
        match value {
            Value::Dict(dict) => Ok(dict.clone()),
            Value::Object(object) if is_module(object) => {
                let mut state = Dict::ordered();
                let fault = || fault(format!("a module with a name of more than {MAX_NAME} bytes"));
                collect(object, "", &mut state).ok_or_else(fault)?;
                Ok(state)
            }
            Value::Object(object) => Err(fault(format!("an object of class {}.{}", object.module, object.name))),
            other => Err(fault(format!("a value of type {}", other.type_name()))),
        }
    }

    /// The value at `path`. A key can contain dots, so the longest keys come first.
    fn find(&self, path: &str) -> Option<&Value<T>> {
        if path.is_empty() {
            return Some(self);
        }
        let ends = path.match_indices('.').map(|(dot, _)| dot).rev();
        [path.len()]
            .into_iter()
            .chain(ends)
            .find_map(|end| self.child(&path[..end])?.find(path.get(end + 1..).unwrap_or_default()))
    }

    fn child(&self, key: &str) -> Option<&Value<T>> {
        match self {
            Value::Object(object) => object.entry(key).or_else(|| object.attribute(key)),
            _ => self.get(key),
        }
    }

    /// The first string keys, for a message.
    fn key_list(&self) -> String {
        let keys: Vec<&Key> = match self {
            Value::Dict(dict) => dict.keys().take(10).collect(),
            Value::Object(object) => match &object.state {
                Some(Value::Dict(state)) => state.keys().take(10).collect(),
                _ => Vec::new(),
            },
            _ => Vec::new(),
        };
        let keys: Vec<String> = keys.into_iter().map(|key| key.to_string().chars().take(60).collect()).collect();
        format!("[{}]", keys.join(", "))
    }
}

/// Whether the object is an `nn.Module`, or a module of a TorchScript archive.
fn is_module<T>(object: &Object<T>) -> bool {
    object.attribute("_parameters").is_some() || is_script(object)
}

fn is_script<T>(object: &Object<T>) -> bool {
    ScriptClass::is_module_name(&object.module)
}

/// Adds the tensors of a module and its children. The depth is at most [`MAX_DEPTH`](crate::MAX_DEPTH). `None` if a name
/// is too long.
fn collect<T: Clone>(module: &Object<T>, prefix: &str, state: &mut Dict<T>) -> Option<()> {
    if is_script(module) {
        return collect_script(module, prefix, state);
    }
    // Buffers with persistent=False are not part of a state dict.
    let transient: HashSet<&str> = match module.attribute("_non_persistent_buffers_set") {
        Some(Value::Set(names)) => names.iter().filter_map(Value::as_str).collect(),
        _ => HashSet::new(),
    };
    let buffers = named(module, "_buffers").filter(|(name, _)| !transient.contains(name));
    for (name, value) in named(module, "_parameters").chain(buffers) {
        if let Value::Tensor(_) = value {
            state.insert(joined(prefix, name)?, value.clone());
        }
    }
    for (name, value) in named(module, "_modules") {
        if let Value::Object(child) = value {
            collect(child, &(joined(prefix, name)? + "."), state)?;
        }
    }
    Some(())
}

/// The name in a module with this prefix; `None` if it is too long.
fn joined(prefix: &str, name: &str) -> Option<String> {
    (prefix.len() + name.len() <= MAX_NAME).then(|| format!("{prefix}{name}"))
}

/// The attributes of a scripted module are its tensors and children. Its class declares which tensors are parameters and
/// buffers. Without the declaration, each tensor counts.
fn collect_script<T: Clone>(module: &Object<T>, prefix: &str, state: &mut Dict<T>) -> Option<()> {
    let class = module.script_class.as_deref();
    if class.is_some_and(|class| !class.is_module) {
        return Some(());
    }
    let attributes = || {
        let dict = module.state.as_ref().and_then(Value::as_dict).into_iter().flat_map(Dict::iter);
        dict.filter_map(|(key, value)| Some((key.as_str()?, value)))
    };
    let mut add = |is_wanted: &dyn Fn(&str) -> bool| {
        for (name, value) in attributes() {
            if matches!(value, Value::Tensor(_)) && is_wanted(name) {
                state.insert(joined(prefix, name)?.replace(TCH_SEPARATOR, "."), value.clone());
            }
        }
        Some(())
    };
    match class {
        Some(class) => {
            add(&|name| class.parameters.contains(name))?;
            add(&|name| class.buffers.contains(name))?;
        }
        None => add(&|_| true)?,
    }
    for (name, value) in attributes() {
        if let Value::Object(child) = value {
            collect(child, &(joined(prefix, name)? + "."), state)?;
        }
    }
    Some(())
}

/// The entries of an attribute that is a dict, such as `_parameters`.
fn named<'a, T>(module: &'a Object<T>, attribute: &str) -> impl Iterator<Item = (&'a str, &'a Value<T>)> {
    let dict = module.attribute(attribute).and_then(Value::as_dict);
    dict.into_iter().flat_map(Dict::iter).filter_map(|(key, value)| Some((key.as_str()?, value)))
}
