//! The objects of a pickle to a value: what was one object used twice becomes two equal values.

use crate::path::Step;
use crate::pickle::MAX_DEPTH;
use crate::{Dict, Error, Key, Result, Value, ValuePath};

use super::StoredTensor;
use super::machine::Run;
use super::objects::{Container, DictObj, Heap, Obj, expansion_limit};

/// Makes the value. `pickle_len` and `file_len` bound how much it may be.
pub(super) fn expand(run: &Run<'_>, pickle_len: usize, file_len: u64) -> Result<Value<StoredTensor>> {
    let mut expander = Expander {
        heap: &run.heap,
        room: expansion_limit(pickle_len),
        tensor_room: tensor_limit(file_len),
        path: Vec::new(),
        inside: Vec::new(),
    };
    expander.value(run.top)
}

/// How many bytes the tensors of a file may take if each has elements of its own: views of one storage, and dimensions
/// that were expanded, make them more than the file.
fn tensor_limit(file_len: u64) -> u64 {
    file_len.saturating_mul(16).saturating_add(1 << 30)
}

struct Expander<'p, 'h> {
    heap: &'h Heap<'p>,
    room: usize,
    tensor_room: u64,
    path: Vec<Step>,
    inside: Vec<usize>, // the containers from the top to here
}

impl<'p, 'h> Expander<'p, 'h> {
    fn value(&mut self, object: Obj<'p>) -> Result<Value<StoredTensor>> {
        self.charge(1)?;
        Ok(match object {
            Obj::None => Value::None,
            Obj::Bool(value) => Value::Bool(value),
            Obj::Int(value) => Value::Int(value),
            Obj::Float(value) => Value::Float(value),
            Obj::Str(value) => Value::Str(self.string(value)?),
            Obj::Tensor(index) => Value::Tensor(self.tensor(&self.heap.tensors[index])?),
            Obj::Container(index) => return self.container(index),
            Obj::Global(_) | Obj::Storage(_) => {
                return Err(Error::NoValue { at: self.here(), what: self.heap.type_name(object) });
            }
        })
    }

    fn container(&mut self, index: usize) -> Result<Value<StoredTensor>> {
        if self.inside.contains(&index) {
            return Err(Error::Cycle { at: self.here() });
        }
        self.inside.push(index);
        let value = match &self.heap.containers[index] {
            Container::List(items) => Value::List(self.items(items)?),
            Container::Tuple(items) => Value::Tuple(self.items(items)?),
            Container::Dict(dict) => Value::Dict(self.dict(dict)?),
        };
        self.inside.pop();
        Ok(value)
    }

    fn items(&mut self, items: &[Obj<'p>]) -> Result<Vec<Value<StoredTensor>>> {
        let items = items.iter().enumerate();
        items.map(|(index, &item)| self.below(Step::Index(index), |expander| expander.value(item))).collect()
    }

    fn dict(&mut self, object: &DictObj<'p>) -> Result<Dict<StoredTensor>> {
        let mut dict = if object.ordered { Dict::ordered() } else { Dict::new() };
        for &(key, value) in &object.entries {
            let key = match key {
                Obj::Str(key) => Key::Str(self.string(key)?),
                Obj::Int(key) => Key::Int(key),
                other => return Err(Error::NoValue { at: self.here(), what: self.heap.type_name(other) }),
            };
            let value = self.below(Step::Key(key.clone()), |expander| expander.value(value))?;
            dict.insert(key, value);
        }
        let Some(metadata) = object.metadata else { return Ok(dict) };
        self.below(Step::Metadata, |expander| match expander.value(metadata)? {
            Value::Dict(metadata) => Ok(dict.with_metadata(metadata)),
            other => Err(Error::NoValue { at: expander.here(), what: other.type_name() }),
        })
    }

    fn string(&mut self, string: &str) -> Result<String> {
        self.charge(string.len())?;
        Ok(string.to_owned())
    }

    fn tensor(&mut self, tensor: &StoredTensor) -> Result<StoredTensor> {
        self.charge(tensor.layout.shape().len())?;
        let bytes = tensor.layout.numel() as u64 * tensor.layout.dtype().size() as u64;
        let left = self.tensor_room.checked_sub(bytes);
        self.tensor_room = left.ok_or_else(|| Error::Expansion { at: self.here(), what: "tensors" })?;
        Ok(tensor.clone())
    }

    fn charge(&mut self, cost: usize) -> Result<()> {
        let left = self.room.checked_sub(cost);
        self.room = left.ok_or_else(|| Error::Expansion { at: self.here(), what: "values" })?;
        Ok(())
    }

    fn here(&self) -> ValuePath {
        ValuePath(self.path.clone())
    }

    fn below<T>(&mut self, step: Step, make: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.path.push(step);
        if self.path.len() > MAX_DEPTH {
            return Err(Error::TooDeep { at: self.here(), limit: MAX_DEPTH });
        }
        let made = make(self)?;
        self.path.pop();
        Ok(made)
    }
}
