use crate::path::Step;
use crate::{Dict, Key, Result, Tensor, ValuePath};

/// A Python value as checkpoints hold them.
///
/// `T` stands for the tensors: [`Tensor`] when their elements are in memory, which is what the writer takes.
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
pub enum Value<T = Tensor> {
    /// `None`
    None,
    /// `bool`
    Bool(bool),
    /// `int`, as far as 64 bits reach
    Int(i64),
    /// `float`
    Float(f64),
    /// `str`
    Str(String),
    /// `list`
    List(Vec<Value<T>>),
    /// `tuple`
    Tuple(Vec<Value<T>>),
    /// `dict` or `collections.OrderedDict`
    Dict(Dict<T>),
    /// `torch.Tensor`
    Tensor(T),
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

    /// What `Module.state_dict()` returns for a module with these parameters and buffers: an OrderedDict whose
    /// `_metadata` names every module, which are the prefixes of the names, with version 1.
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
    /// Everything that contains nothing else, with its place, in order: tensors, numbers, strings, empty containers.
    pub fn leaves(&self) -> Vec<(ValuePath, &Value<T>)> {
        let (mut leaves, mut open) = (Vec::new(), vec![(ValuePath::default(), self)]);
        while let Some((path, value)) = open.pop() {
            let below = |step: Step| ValuePath(path.0.iter().cloned().chain([step]).collect());
            let children: Vec<_> = match value {
                Value::List(items) | Value::Tuple(items) => {
                    items.iter().enumerate().map(|(index, item)| (below(Step::Index(index)), item)).collect()
                }
                Value::Dict(dict) => dict.iter().map(|(key, item)| (below(Step::Key(key.clone())), item)).collect(),
                _ => Vec::new(),
            };
            if children.is_empty() {
                leaves.push((path, value));
            }
            open.extend(children.into_iter().rev());
        }
        leaves
    }

    /// The Python name of the type: `dict`.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::None => "NoneType",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Float(_) => "float",
            Value::Str(_) => "str",
            Value::List(_) => "list",
            Value::Tuple(_) => "tuple",
            Value::Dict(dict) if dict.is_ordered() => "OrderedDict",
            Value::Dict(_) => "dict",
            Value::Tensor(_) => "Tensor",
        }
    }

    /// The same value with other tensors.
    pub(crate) fn try_map<U>(self, map: &mut impl FnMut(T) -> Result<U>) -> Result<Value<U>> {
        Ok(match self {
            Value::None => Value::None,
            Value::Bool(value) => Value::Bool(value),
            Value::Int(value) => Value::Int(value),
            Value::Float(value) => Value::Float(value),
            Value::Str(value) => Value::Str(value),
            Value::List(items) => Value::List(items.into_iter().map(|item| item.try_map(map)).collect::<Result<_>>()?),
            Value::Tuple(items) => {
                Value::Tuple(items.into_iter().map(|item| item.try_map(map)).collect::<Result<_>>()?)
            }
            Value::Dict(dict) => Value::Dict(dict.try_map(map)?),
            Value::Tensor(tensor) => Value::Tensor(map(tensor)?),
        })
    }

    /// The entry of a dict; `None` also if this is no dict.
    pub fn get(&self, key: impl Into<Key>) -> Option<&Value<T>> {
        self.as_dict()?.get(key)
    }

    /// The bool, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The int, if it is one.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Value::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// The float; an int too, since `lr=1` is as good as `lr=1.0` to Python.
    pub fn as_float(&self) -> Option<f64> {
        match self {
            Value::Float(value) => Some(*value),
            Value::Int(value) => Some(*value as f64),
            _ => None,
        }
    }

    /// The string, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Str(value) => Some(value),
            _ => None,
        }
    }

    /// The items of a list or a tuple.
    pub fn as_slice(&self) -> Option<&[Value<T>]> {
        match self {
            Value::List(items) | Value::Tuple(items) => Some(items),
            _ => None,
        }
    }

    /// The dict, if it is one, ordered or not.
    pub fn as_dict(&self) -> Option<&Dict<T>> {
        match self {
            Value::Dict(dict) => Some(dict),
            _ => None,
        }
    }

    /// The tensor, if it is one.
    pub fn as_tensor(&self) -> Option<&T> {
        match self {
            Value::Tensor(tensor) => Some(tensor),
            _ => None,
        }
    }
}

macro_rules! from {
    ($($type:ty => |$value:ident| $make:expr),* $(,)?) => {$(
        impl From<$type> for Value {
            fn from($value: $type) -> Value {
                $make
            }
        }
    )*};
}
from! {
    bool => |value| Value::Bool(value),
    i32 => |value| Value::Int(value.into()),
    u32 => |value| Value::Int(value.into()),
    i64 => |value| Value::Int(value),
    f64 => |value| Value::Float(value),
    &str => |value| Value::Str(value.to_owned()),
    String => |value| Value::Str(value),
    Dict => |value| Value::Dict(value),
    Tensor => |value| Value::Tensor(value),
}

/// A list.
impl<V: Into<Value>> From<Vec<V>> for Value {
    fn from(items: Vec<V>) -> Value {
        Value::list(items)
    }
}

/// `None`, or the value.
impl<V: Into<Value>> From<Option<V>> for Value {
    fn from(value: Option<V>) -> Value {
        value.map_or(Value::None, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_short() {
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
    fn a_dict_keeps_order_and_the_last_of_equal_keys() {
        let value = Value::dict([("b", 1), ("a", 2), ("b", 3)]);
        let dict = value.as_dict().unwrap();
        let entries: Vec<_> = dict.iter().map(|(key, value)| (key.to_string(), value.as_int())).collect();
        assert_eq!(entries, [("\"b\"".to_owned(), Some(3)), ("\"a\"".to_owned(), Some(2))]);
        assert_ne!(Value::dict([("a", 1), ("b", 2)]), Value::dict([("b", 2), ("a", 1)]));
    }

    #[test]
    fn leaves_are_found_in_order_however_deep() {
        let value = Value::dict([("a", Value::list([1, 2])), ("b", Value::tuple::<i64>([])), ("c", "x".into())]);
        let leaves: Vec<_> = value.leaves().iter().map(|(path, leaf)| format!("{path} {}", leaf.type_name())).collect();
        assert_eq!(leaves, [r#"["a"][0] int"#, r#"["a"][1] int"#, r#"["b"] tuple"#, r#"["c"] str"#]);
        let deep = (0..1000).fold(Value::None, |inner, _| Value::list([inner]));
        assert_eq!(deep.leaves().len(), 1);
    }

    #[test]
    fn a_state_dict_names_its_modules() {
        let zero = || Tensor::scalar(0f32);
        let state = Value::state_dict([("W", zero()), ("net.rnn.weight", zero()), ("net.rnn.bias", zero())]);
        let state = state.as_dict().unwrap();
        assert!(state.is_ordered());
        let modules: Vec<_> = state.metadata().unwrap().keys().filter_map(Key::as_str).collect();
        assert_eq!(modules, ["", "net", "net.rnn"]);
    }
}
