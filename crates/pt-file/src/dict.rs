use std::fmt;

use indexmap::IndexMap;

use crate::{Result, Tensor, Value};

/// The key of a dict entry. Python allows more; checkpoints use these two.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Key {
    /// a `str`: the names in a state dict
    Str(String),
    /// an `int`: the parameters' indices in an optimizer's state
    Int(i64),
}

impl Key {
    /// The string, if it is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Key::Str(key) => Some(key),
            Key::Int(_) => None,
        }
    }
}

impl From<&str> for Key {
    fn from(key: &str) -> Key {
        Key::Str(key.to_owned())
    }
}

impl From<String> for Key {
    fn from(key: String) -> Key {
        Key::Str(key)
    }
}

impl From<i64> for Key {
    fn from(key: i64) -> Key {
        Key::Int(key)
    }
}

/// As Python's `repr`, but for the quotes: `"weight"` or `0`.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Str(key) => write!(f, "{key:?}"),
            Key::Int(key) => write!(f, "{key}"),
        }
    }
}

/// A Python dict: entries in the order in which they were inserted, found by key.
///
/// It is written as a plain `dict`, or as a `collections.OrderedDict` if it was made by [`Dict::ordered`]. Only an
/// OrderedDict can carry `_metadata`, an attribute in which `Module.state_dict()` keeps the version of every module.
#[derive(Debug, Clone)]
pub struct Dict<T = Tensor>(Box<Content<T>>); // in a box, so that a Value, which may be a dict, is small

#[derive(Debug, Clone)]
struct Content<T> {
    entries: IndexMap<Key, Value<T>>,
    ordered: bool,
    metadata: Option<Dict<T>>,
}

impl<T> Dict<T> {
    /// An empty `dict`.
    pub fn new() -> Dict<T> {
        Dict::with_capacity(0)
    }

    /// An empty `dict` with room.
    pub(crate) fn with_capacity(entries: usize) -> Dict<T> {
        Dict(Box::new(Content { entries: IndexMap::with_capacity(entries), ordered: false, metadata: None }))
    }

    /// The bytes that a dict of so many entries takes beside the content of keys and values.
    pub(crate) fn memory(entries: usize) -> usize {
        size_of::<Content<T>>() + entries * (size_of::<(usize, Key, Value<T>)>() + 2 * size_of::<usize>())
    }

    /// An empty `collections.OrderedDict`.
    pub fn ordered() -> Dict<T> {
        Dict::new().into_ordered()
    }

    /// Makes it an OrderedDict.
    pub(crate) fn into_ordered(mut self) -> Dict<T> {
        self.0.ordered = true;
        self
    }

    /// Makes it an OrderedDict with the attribute `_metadata`.
    pub fn with_metadata(mut self, metadata: Dict<T>) -> Dict<T> {
        self.0.metadata = Some(metadata);
        self.into_ordered()
    }

    /// Whether it is a `collections.OrderedDict`.
    pub fn is_ordered(&self) -> bool {
        self.0.ordered
    }

    /// The attribute `_metadata` of an OrderedDict.
    pub fn metadata(&self) -> Option<&Dict<T>> {
        self.0.metadata.as_ref()
    }

    /// Sets an entry. A key that is there keeps its place, and its old value is returned.
    pub fn insert(&mut self, key: impl Into<Key>, value: impl Into<Value<T>>) -> Option<Value<T>> {
        self.0.entries.insert(key.into(), value.into())
    }

    /// The value of a key.
    pub fn get(&self, key: impl Into<Key>) -> Option<&Value<T>> {
        self.0.entries.get(&key.into())
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.0.entries.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.0.entries.is_empty()
    }

    /// The entries in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Key, &Value<T>)> {
        self.0.entries.iter()
    }

    /// The keys in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &Key> {
        self.0.entries.keys()
    }

    /// The same dict with other tensors.
    pub(crate) fn try_map<U>(self, map: &mut impl FnMut(T) -> Result<U>) -> Result<Dict<U>> {
        let Content { entries, ordered, metadata } = *self.0;
        let entries = entries.into_iter().map(|(key, value)| Ok((key, value.try_map(map)?))).collect::<Result<_>>()?;
        let metadata = metadata.map(|metadata| metadata.try_map(map)).transpose()?;
        Ok(Dict(Box::new(Content { entries, ordered, metadata })))
    }
}

impl<T> Default for Dict<T> {
    fn default() -> Dict<T> {
        Dict::new()
    }
}

/// A plain `dict`. Of entries with the same key the last one counts, as in a Python literal.
impl<T, K: Into<Key>, V: Into<Value<T>>> FromIterator<(K, V)> for Dict<T> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Dict<T> {
        let mut dict = Dict::new();
        dict.extend(entries);
        dict
    }
}

impl<T, K: Into<Key>, V: Into<Value<T>>> Extend<(K, V)> for Dict<T> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        self.0.entries.extend(entries.into_iter().map(|(key, value)| (key.into(), value.into())));
    }
}

impl<T> IntoIterator for Dict<T> {
    type Item = (Key, Value<T>);
    type IntoIter = std::vec::IntoIter<(Key, Value<T>)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.entries.into_iter().collect::<Vec<_>>().into_iter()
    }
}

/// Same class, same entries in the same order, same `_metadata`.
impl<T: PartialEq> PartialEq for Dict<T> {
    fn eq(&self, other: &Dict<T>) -> bool {
        let (a, b) = (&self.0, &other.0);
        a.ordered == b.ordered && a.metadata == b.metadata && a.entries.iter().eq(&b.entries)
    }
}
