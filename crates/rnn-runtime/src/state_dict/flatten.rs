//! The tensors of a checkpoint with their names.

use indexmap::IndexMap;
use pt_file::{Key, Object, Tensor, Value};

use crate::error::{Error, Result};

/// The limit on the length of all names together. A small file can name many tensors with one long prefix.
const MAX_NAMES: usize = 64 << 20;

/// All tensors of a value. The name of a tensor is the path of keys, indices and attributes, separated by dots.
///
/// A whole module has the names of its state dict. Of two tensors with one name the first is kept.
pub(super) fn flatten(value: &Value) -> Result<IndexMap<String, Tensor>> {
    let mut tensors = Tensors { by_name: IndexMap::new(), bytes: 0 };
    tensors.add(String::new(), value)?;
    Ok(tensors.by_name)
}

struct Tensors {
    by_name: IndexMap<String, Tensor>,
    bytes: usize,
}

impl Tensors {
    /// Adds the tensors of a value. The depth is at most [`pt_file::MAX_DEPTH`], the limit of the reader.
    fn add(&mut self, name: String, value: &Value) -> Result<()> {
        match value {
            Value::Tensor(tensor) => {
                self.by_name.entry(name).or_insert_with(|| tensor.clone());
            }
            Value::Dict(dict) => {
                for (key, item) in dict.iter() {
                    self.add_child(&name, &key_name(key), item)?;
                }
            }
            Value::List(items) | Value::Tuple(items) => self.add_items(&name, items)?,
            Value::Object(object) => self.add_object(&name, value, object)?,
            _ => (),
        }
        Ok(())
    }

    fn add_object(&mut self, name: &str, value: &Value, object: &Object) -> Result<()> {
        // `state_dict_at` fails for an object that is not a module.
        if let Ok(state) = value.state_dict_at("") {
            for (key, tensor) in state.iter() {
                self.add_child(name, &key_name(key), tensor)?;
            }
            return Ok(());
        }
        for (key, item) in &object.entries {
            if let Value::Str(key) = key {
                self.add_child(name, key, item)?;
            }
        }
        self.add_items(name, &object.items)?;
        let states = match &object.state {
            Some(Value::Tuple(states)) => states.iter().collect(), // (attributes, slots)
            state => Vec::from_iter(state),
        };
        for attributes in states.into_iter().filter_map(Value::as_dict) {
            for (key, item) in attributes.iter() {
                self.add_child(name, &key_name(key), item)?;
            }
        }
        Ok(())
    }

    fn add_items(&mut self, name: &str, items: &[Value]) -> Result<()> {
        items.iter().enumerate().try_for_each(|(index, item)| self.add_child(name, &index.to_string(), item))
    }

    fn add_child(&mut self, parent: &str, key: &str, value: &Value) -> Result<()> {
        if !matches!(value, Value::Tensor(_) | Value::Dict(_) | Value::List(_) | Value::Tuple(_) | Value::Object(_)) {
            return Ok(()); // an epoch, or a list of losses
        }
        let name = if parent.is_empty() { key.to_owned() } else { format!("{parent}.{key}") };
        self.bytes = self.bytes.saturating_add(name.len());
        if self.bytes > MAX_NAMES {
            return Err(Error::NamesTooLong { limit: MAX_NAMES });
        }
        self.add(name, value)
    }
}

/// A string key without the quotes that `Display` adds.
fn key_name(key: &Key) -> String {
    key.as_str().map_or_else(|| key.to_string(), str::to_owned)
}
