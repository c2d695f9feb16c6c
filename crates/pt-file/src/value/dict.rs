use indexmap::IndexMap;

use super::{Dict, DictContent, Value};
use crate::{Key, Result};

impl<T> Dict<T> {
    /// An empty `dict`.
    pub fn new() -> Dict<T> {
        Dict::with_capacity(0)
    }

    pub(crate) fn with_capacity(entries: usize) -> Dict<T> {
        Dict(Box::new(DictContent { entries: IndexMap::with_capacity(entries), ordered: false, metadata: None }))
    }

    /// The memory of a dict with this number of entries, in bytes, without what keys and values own.
    pub(crate) fn memory_size(entries: usize) -> usize {
        size_of::<DictContent<T>>() + entries * (size_of::<(usize, Key, Value<T>)>() + 2 * size_of::<usize>())
    }

    /// An empty `collections.OrderedDict`.
    pub fn ordered() -> Dict<T> {
        Dict::new().into_ordered()
    }

    /// Changes the class to `collections.OrderedDict`.
    pub(crate) fn into_ordered(mut self) -> Dict<T> {
        self.0.ordered = true;
        self
    }

    /// Changes the class to `collections.OrderedDict` and sets its attribute `_metadata`.
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

    /// Sets an entry and returns the old value of the key. An existing key keeps its position.
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

    /// Whether the dict has no entries.
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

    /// Converts each tensor.
    pub(crate) fn try_map<U>(self, map: &mut impl FnMut(T) -> Result<U>) -> Result<Dict<U>> {
        let DictContent { entries, ordered, metadata } = *self.0;
        let entries = entries.into_iter().map(|(key, value)| Ok((key, value.try_map(map)?))).collect::<Result<_>>()?;
        let metadata = metadata.map(|metadata| metadata.try_map(map)).transpose()?;
        Ok(Dict(Box::new(DictContent { entries, ordered, metadata })))
    }
}

impl<T> Default for Dict<T> {
    fn default() -> Dict<T> {
        Dict::new()
    }
}

/// A plain `dict`. If a key occurs more than once, the last entry wins, as in a Python literal.
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

/// Compares the class, the entries with their order, and `_metadata`.
impl<T: PartialEq> PartialEq for Dict<T> {
    fn eq(&self, other: &Dict<T>) -> bool {
        let (a, b) = (&self.0, &other.0);
        a.ordered == b.ordered && a.metadata == b.metadata && a.entries.iter().eq(&b.entries)
    }
}
