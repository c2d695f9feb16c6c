mod big_int;
mod conversions;
mod dict;
mod object;
mod script_class;
mod state_dict;

use indexmap::IndexMap;

use crate::value_path::Step;
use crate::{Key, Result, Tensor, ValuePath};

pub use big_int::BigInt;
pub use object::{Global, Object};
pub(crate) use script_class::ScriptClass;

/// A Python value of a checkpoint.
///
/// `T` is the type of the tensors: [`Tensor`] for tensors in memory, [`StoredTensor`](crate::StoredTensor) for tensors
/// that are still in their file.
///
/// ```
/// use pt_file::{Tensor, Value};
/// let weight = Tensor::from_slice(&[0.5f32, -0.5], &[1, 2])?;
/// let checkpoint = Value::dict([
///     ("model", Value::state_dict([("fc.weight", weight)])),
///     ("epoch", 3.into()),
///     ("betas", Value::tuple([0.9, 0.999])),
///     ("best", None::<f64>.into()),
/// ]);
/// assert_eq!(checkpoint.get("epoch").and_then(Value::as_int), Some(3));
/// # Ok::<(), pt_file::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Value<T = Tensor> {
    /// `None`
    None,
    /// `bool`
    Bool(bool),
    /// `int`, within 64 bits
    Int(i64),
    /// `int` beyond 64 bits
    BigInt(BigInt),
    /// `float`
    Float(f64),
    /// `complex`: real and imaginary part
    Complex(f64, f64),
    /// `str`
    Str(String),
    /// `bytes`
    Bytes(Vec<u8>),
    /// `bytearray`
    ByteArray(Vec<u8>),
    /// `list`
    List(Vec<Value<T>>),
    /// `tuple`
    Tuple(Vec<Value<T>>),
    /// `set`
    Set(Vec<Value<T>>),
    /// `frozenset`
    FrozenSet(Vec<Value<T>>),
    /// `dict` or `collections.OrderedDict` whose keys are all a [`Key`]
    Dict(Dict<T>),
    /// `torch.Tensor`
    Tensor(T),
    /// A class, function or constant by name, such as `torch.float32`
    Global(Box<Global>),
    /// An object of a class that this crate does not know
    Object(Box<Object<T>>),
    /// The enclosing value this number of levels up, for a value that contains itself
    BackReference(usize),
}

/// A Python dict: entries in insertion order, with fast lookup by key.
///
/// Its class is `dict`, or `collections.OrderedDict` if it was made by [`Dict::ordered`]. Only an OrderedDict can have
/// `_metadata`, the attribute in which `Module.state_dict()` stores the version of each module.
#[derive(Debug, Clone)]
pub struct Dict<T = Tensor>(Box<DictContent<T>>); // boxed to keep Value small

#[derive(Debug, Clone)]
struct DictContent<T> {
    entries: IndexMap<Key, Value<T>>,
    ordered: bool,
    metadata: Option<Dict<T>>,
}

impl Value {
    /// A `dict`.
    pub fn dict<K: Into<Key>, V: Into<Value>>(entries: impl IntoIterator<Item = (K, V)>) -> Value {
        Value::Dict(entries.into_iter().collect())
    }

    /// A `list`.
    pub fn list<V: Into<Value>>(items: impl IntoIterator<Item = V>) -> Value {
        Value::List(items.into_iter().map(Into::into).collect())
    }

    /// A `tuple`.
    pub fn tuple<V: Into<Value>>(items: impl IntoIterator<Item = V>) -> Value {
        Value::Tuple(items.into_iter().map(Into::into).collect())
    }

    /// The result of `Module.state_dict()` for these parameters and buffers: an OrderedDict. Its `_metadata` has an
    /// entry with version 1 for each module. The modules are the prefixes of the names.
    pub fn state_dict<N: AsRef<str>>(tensors: impl IntoIterator<Item = (N, Tensor)>) -> Value {
        let (mut state, mut metadata) = (Dict::ordered(), Dict::ordered());
        metadata.insert("", Value::dict([("version", 1)]));
        for (name, tensor) in tensors {
            let name = name.as_ref();
            for (dot, _) in name.match_indices('.') {
                metadata.insert(&name[..dot], Value::dict([("version", 1)]));
            }
            state.insert(name, tensor);
        }
        Value::Dict(state.with_metadata(metadata))
    }
}

impl<T> Value<T> {
    /// The values without children (tensors, numbers, strings, empty containers) with their paths, in order. An
    /// [`Object`] comes before its arguments, state, items and entries.
    pub fn leaves(&self) -> Vec<(ValuePath, &Value<T>)> {
        let (mut leaves, mut open) = (Vec::new(), vec![(ValuePath::default(), self)]);
        while let Some((path, value)) = open.pop() {
            let child = |step: Step| path.child(step);
            let children: Vec<_> = match value {
                Value::List(items) | Value::Tuple(items) | Value::Set(items) | Value::FrozenSet(items) => {
                    items.iter().enumerate().map(|(index, item)| (child(Step::Index(index)), item)).collect()
                }
                Value::Dict(dict) => dict.iter().map(|(key, item)| (child(Step::Key(key.clone())), item)).collect(),
                Value::Object(object) => {
                    object.children().into_iter().map(|(step, item)| (child(step), item)).collect()
                }
                _ => Vec::new(),
            };
            if children.is_empty() || matches!(value, Value::Object(_)) {
                leaves.push((path, value));
            }
            open.extend(children.into_iter().rev());
        }
        leaves
    }

    /// The name of the Python type, such as `dict`.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::None => "NoneType",
            Value::Bool(_) => "bool",
            Value::Int(_) | Value::BigInt(_) => "int",
            Value::Float(_) => "float",
            Value::Complex(..) => "complex",
            Value::Str(_) => "str",
            Value::Bytes(_) => "bytes",
            Value::ByteArray(_) => "bytearray",
            Value::List(_) => "list",
            Value::Tuple(_) => "tuple",
            Value::Set(_) => "set",
            Value::FrozenSet(_) => "frozenset",
            Value::Dict(dict) if dict.is_ordered() => "OrderedDict",
            Value::Dict(_) => "dict",
            Value::Tensor(_) => "Tensor",
            Value::Global(_) => "global",
            Value::Object(_) => "object",
            Value::BackReference(_) => "back reference",
        }
    }

    /// Converts each tensor.
    pub(crate) fn try_map<U>(self, map: &mut impl FnMut(T) -> Result<U>) -> Result<Value<U>> {
        let mut items = |items: Vec<Value<T>>| items.into_iter().map(|item| item.try_map(map)).collect::<Result<_>>();
        Ok(match self {
            Value::None => Value::None,
            Value::Bool(value) => Value::Bool(value),
            Value::Int(value) => Value::Int(value),
            Value::BigInt(value) => Value::BigInt(value),
            Value::Float(value) => Value::Float(value),
            Value::Complex(re, im) => Value::Complex(re, im),
            Value::Str(value) => Value::Str(value),
            Value::Bytes(value) => Value::Bytes(value),
            Value::ByteArray(value) => Value::ByteArray(value),
            Value::List(list) => Value::List(items(list)?),
            Value::Tuple(tuple) => Value::Tuple(items(tuple)?),
            Value::Set(set) => Value::Set(items(set)?),
            Value::FrozenSet(set) => Value::FrozenSet(items(set)?),
            Value::Dict(dict) => Value::Dict(dict.try_map(map)?),
            Value::Tensor(tensor) => Value::Tensor(map(tensor)?),
            Value::Global(global) => Value::Global(global),
            Value::Object(object) => Value::Object(Box::new(object.try_map(map)?)),
            Value::BackReference(levels) => Value::BackReference(levels),
        })
    }

    /// The value of a dict's key; `None` also if this is not a dict.
    pub fn get(&self, key: impl Into<Key>) -> Option<&Value<T>> {
        self.as_dict()?.get(key)
    }

    /// The object, if this is one.
    pub fn as_object(&self) -> Option<&Object<T>> {
        if let Value::Object(object) = self { Some(object) } else { None }
    }

    /// The bool, if this is one.
    pub fn as_bool(&self) -> Option<bool> {
        if let Value::Bool(value) = self { Some(*value) } else { None }
    }

    /// The int, if this is one.
    pub fn as_int(&self) -> Option<i64> {
        if let Value::Int(value) = self { Some(*value) } else { None }
    }

    /// The float, or an int as a float, because Python accepts `lr=1` for `lr=1.0`.
    pub fn as_float(&self) -> Option<f64> {
        if let Value::Float(value) = self { Some(*value) } else { self.as_int().map(|value| value as f64) }
    }

    /// The string, if this is one.
    pub fn as_str(&self) -> Option<&str> {
        if let Value::Str(value) = self { Some(value) } else { None }
    }

    /// The items of a list or a tuple.
    pub fn as_slice(&self) -> Option<&[Value<T>]> {
        if let Value::List(items) | Value::Tuple(items) = self { Some(items) } else { None }
    }

    /// The dict, ordered or not, if this is one.
    pub fn as_dict(&self) -> Option<&Dict<T>> {
        if let Value::Dict(dict) = self { Some(dict) } else { None }
    }

    /// The tensor, if this is one.
    pub fn as_tensor(&self) -> Option<&T> {
        if let Value::Tensor(tensor) = self { Some(tensor) } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rust_literals_convert_to_values() {
        let value = Value::dict([
            ("on", true.into()),
            ("lr", 1e-3.into()),
            ("name", "Adam".into()),
            ("params", vec![0, 1, 2].into()),
            ("mixed", Value::list([Value::from("a"), Value::from(2), Value::None])),
            ("nested", Value::dict([(0, "zero"), (1, "one")])),
        ]);
        assert_eq!(value.get("params").and_then(Value::as_slice).map(<[_]>::len), Some(3));
        assert_eq!(value.get("nested").and_then(|nested| nested.get(1)).and_then(Value::as_str), Some("one"));
        assert_eq!(value.get("absent"), None);
        assert_eq!(value.get("lr").and_then(Value::as_float), Some(1e-3));
        assert_eq!(Value::from(2).as_float(), Some(2.0));
        assert_eq!(Value::from(true).as_int(), None);
    }

    #[test]
    fn a_dict_keeps_insertion_order_and_the_last_value_of_a_key() {
        let value = Value::dict([("b", 1), ("a", 2), ("b", 3)]);
        let dict = value.as_dict().unwrap();
        let entries: Vec<_> = dict.iter().map(|(key, value)| (key.to_string(), value.as_int())).collect();
        assert_eq!(entries, [("\"b\"".to_owned(), Some(3)), ("\"a\"".to_owned(), Some(2))]);
        assert_ne!(Value::dict([("a", 1), ("b", 2)]), Value::dict([("b", 2), ("a", 1)]));
    }

    #[test]
    fn leaves_are_listed_in_order_at_any_depth() {
        let value = Value::dict([("a", Value::list([1, 2])), ("b", Value::tuple::<i64>([])), ("c", "x".into())]);
        let leaves: Vec<_> = value.leaves().iter().map(|(path, leaf)| format!("{path} {}", leaf.type_name())).collect();
        assert_eq!(leaves, [r#"["a"][0] int"#, r#"["a"][1] int"#, r#"["b"] tuple"#, r#"["c"] str"#]);
        let deep = (0..1000).fold(Value::None, |inner, _| Value::list([inner]));
        assert_eq!(deep.leaves().len(), 1);
    }

    #[test]
    fn a_state_dict_has_metadata_for_each_module() {
        let zero = || Tensor::scalar(0f32);
        let state = Value::state_dict([("W", zero()), ("net.rnn.weight", zero()), ("net.rnn.bias", zero())]);
        let state = state.as_dict().unwrap();
        assert!(state.is_ordered());
        let modules: Vec<_> = state.metadata().unwrap().keys().filter_map(Key::as_str).collect();
        assert_eq!(modules, ["", "net", "net.rnn"]);
    }
}
