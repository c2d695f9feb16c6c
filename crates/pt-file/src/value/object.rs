use std::sync::Arc;

use super::{ScriptClass, Value};
use crate::value_path::Step;
use crate::{Result, Tensor};

/// A Python object whose class this crate does not know, as inert data: nothing is looked up and nothing is called.
///
/// `argparse.Namespace(lr=0.1)` has the class `argparse.Namespace` and the state `{"lr": 0.1}`. `pathlib.Path("a/b")` has
/// the class `pathlib.PosixPath` and the arguments `"a"` and `"b"`. A `defaultdict` has entries.
#[derive(Debug, Clone, PartialEq)]
pub struct Object<T = Tensor> {
    /// The module of the class or function, such as `argparse`.
    pub module: String,
    /// The name in the module, such as `Namespace`.
    pub name: String,
    /// The arguments of the constructor or function. Keyword arguments are a dict at the end.
    pub args: Vec<Value<T>>,
    /// The attributes, usually a dict; `None` if the pickle sets none.
    pub state: Option<Value<T>>,
    /// The items, if the class is a kind of list or set.
    pub items: Vec<Value<T>>,
    /// The keys and values, if the class is a kind of dict.
    pub entries: Vec<(Value<T>, Value<T>)>,
    /// The class's declaration in a TorchScript archive.
    pub(crate) script_class: Option<Arc<ScriptClass>>,
}

impl<T> Object<T> {
    /// An object without arguments, state and items.
    pub fn new(module: impl Into<String>, name: impl Into<String>) -> Object<T> {
        let (module, name) = (module.into(), name.into());
        let (args, items, entries) = (Vec::new(), Vec::new(), Vec::new());
        Object { module, name, args, state: None, items, entries, script_class: None }
    }

    /// Whether the class or function has this name.
    pub fn is(&self, module: &str, name: &str) -> bool {
        (self.module.as_str(), self.name.as_str()) == (module, name)
    }

    /// The value of an attribute: an entry of the state.
    pub fn attribute(&self, name: &str) -> Option<&Value<T>> {
        match self.state.as_ref()? {
            Value::Dict(state) => state.get(name),
            // A class with __slots__ has the state (attributes, slots).
            Value::Tuple(states) => states.iter().find_map(|state| state.as_dict()?.get(name)),
            _ => None,
        }
    }

    /// Arguments, state, items and entries with their positions.
    pub(super) fn children(&self) -> Vec<(Step, &Value<T>)> {
        let args = self.args.iter().enumerate().map(|(index, arg)| (Step::Arg(index), arg));
        let state = self.state.iter().map(|state| (Step::State, state));
        let items = self.items.iter().enumerate().map(|(index, item)| (Step::Index(index), item));
        let entries = self.entries.iter().enumerate().map(|(index, (_, value))| (Step::Entry(index), value));
        args.chain(state).chain(items).chain(entries).collect()
    }

    /// Converts each tensor.
    pub(super) fn try_map<U>(self, map: &mut impl FnMut(T) -> Result<U>) -> Result<Object<U>> {
        let mut all = |items: Vec<Value<T>>| items.into_iter().map(|item| item.try_map(map)).collect::<Result<_>>();
        let (args, items) = (all(self.args)?, all(self.items)?);
        let state = self.state.map(|state| state.try_map(map)).transpose()?;
        let entries = self.entries.into_iter().map(|(key, value)| Ok((key.try_map(map)?, value.try_map(map)?)));
        Ok(Object {
            module: self.module,
            name: self.name,
            args,
            state,
            items,
            entries: entries.collect::<Result<_>>()?,
            script_class: self.script_class,
        })
    }

    /// The value of a string key among the entries.
    pub fn entry(&self, key: &str) -> Option<&Value<T>> {
        self.entries.iter().find(|(name, _)| name.as_str() == Some(key)).map(|(_, value)| value)
    }
}

/// A class, function or constant that a file refers to by name, such as `torch.float32` or `torch.nn.ReLU`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Global {
    /// The module, such as `torch`.
    pub module: String,
    /// The name in the module, such as `float32`.
    pub name: String,
}

/// As in Python: `torch.float32`.
impl std::fmt::Display for Global {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.module, self.name)
    }
}
