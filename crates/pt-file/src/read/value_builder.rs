//! Builds a value from the objects of a pickle. An object that is used twice becomes two equal values.

use super::memory_budget::{ALLOCATION, MemoryBudget};
use super::objects::{Arena, Container, ContainerKind, Object};
use super::stored_tensor::StoredTensor;
use super::unpickler::Unpickled;
use crate::value_path::Step;
use crate::{Dict, Error, Key, MAX_DEPTH, Result, Value, ValuePath};

/// Builds the value. `file_len` limits the total size of its tensors.
pub(super) fn build(unpickled: &Unpickled<'_>, file_len: u64) -> Result<Value<StoredTensor>> {
    let mut builder = ValueBuilder {
        arena: &unpickled.arena,
        budget: unpickled.arena.budget.clone(),
        tensor_limit: tensor_limit(file_len),
        tensor_bytes: 0,
        path: Vec::new(),
        open: Vec::new(),
    };
    builder.reserve(size_of::<Value<StoredTensor>>())?;
    builder.value(unpickled.root)
}

/// The limit on the bytes of all tensors if each has its own copy of its elements. Views of one storage, and expanded
/// dimensions, can make this much more than the file's length.
fn tensor_limit(file_len: u64) -> u64 {
    file_len.saturating_mul(16).saturating_add(32 << 20)
}

struct ValueBuilder<'p, 'a> {
    arena: &'a Arena<'p>,
    budget: MemoryBudget,
    tensor_limit: u64,
    tensor_bytes: u64,
    path: Vec<PathStep>,
    open: Vec<u32>, // the containers on the path
}

/// A step of the path. An error message converts it to a [`Step`].
#[derive(Clone, Copy)]
enum PathStep {
    Key(Object),
    Index(usize),
    Metadata,
}

impl ValueBuilder<'_, '_> {
    /// The caller has reserved the memory of the value itself.
    fn value(&mut self, object: Object) -> Result<Value<StoredTensor>> {
        Ok(match object {
            Object::None => Value::None,
            Object::Bool(value) => Value::Bool(value),
            Object::Int(value) => Value::Int(value),
            Object::Float(value) => Value::Float(value),
            Object::Str(index) => Value::Str(self.string(index)?),
            Object::Tuple(span) => Value::Tuple(self.items(self.arena.tuple(span))?),
            Object::Container(index) => self.container(index)?,
            Object::Tensor(index) => Value::Tensor(self.tensor(self.arena.tensor(index))?),
            Object::Global(_) | Object::Storage(_) => {
                return Err(Error::UnsupportedObject { at: self.here(), what: self.arena.type_name(object) });
            }
        })
    }

    fn container(&mut self, index: u32) -> Result<Value<StoredTensor>> {
        if self.open.contains(&index) {
            return Err(Error::Cycle { at: self.here() });
        }
        self.open.push(index);
        let container = self.arena.container(index);
        let value = match container.kind {
            ContainerKind::List => Value::List(self.items(&container.items)?),
            ContainerKind::Dict | ContainerKind::OrderedDict => Value::Dict(self.dict(container, index)?),
        };
        self.open.pop();
        Ok(value)
    }

    fn items(&mut self, items: &[Object]) -> Result<Vec<Value<StoredTensor>>> {
        let allocation = if items.is_empty() { 0 } else { ALLOCATION };
        self.reserve(items.len() * size_of::<Value<StoredTensor>>() + allocation)?;
        let mut values = Vec::with_capacity(items.len());
        for (index, &item) in items.iter().enumerate() {
            values.push(self.child(PathStep::Index(index), |builder| builder.value(item))?);
        }
        Ok(values)
    }

    fn dict(&mut self, container: &Container, index: u32) -> Result<Dict<StoredTensor>> {
        let (entries, _) = container.items.as_chunks::<2>();
        self.reserve(Dict::<StoredTensor>::memory_size(entries.len()) + 3 * ALLOCATION)?;
        let mut dict = Dict::with_capacity(entries.len());
        if container.kind == ContainerKind::OrderedDict {
            dict = dict.into_ordered();
        }
        for &[key, value] in entries {
            let value = self.child(PathStep::Key(key), |builder| builder.value(value))?;
            dict.insert(self.key(key)?, value);
        }
        let Some(metadata) = self.arena.metadata(index) else { return Ok(dict) };
        self.child(PathStep::Metadata, |builder| match builder.value(metadata)? {
            Value::Dict(metadata) => Ok(dict.with_metadata(metadata)),
            other => Err(Error::UnsupportedObject { at: builder.here(), what: other.type_name() }),
        })
    }

    fn key(&mut self, key: Object) -> Result<Key> {
        match key {
            Object::Str(index) => Ok(Key::Str(self.string(index)?)),
            Object::Int(key) => Ok(Key::Int(key)),
            other => Err(Error::UnsupportedObject { at: self.here(), what: self.arena.type_name(other) }),
        }
    }

    fn string(&mut self, index: u32) -> Result<String> {
        let string = self.arena.string(index);
        self.reserve(string.len() + ALLOCATION)?;
        Ok(string.to_owned())
    }

    fn tensor(&mut self, tensor: &StoredTensor) -> Result<StoredTensor> {
        // A program converts narrow elements to f32.
        let bytes = (tensor.view().numel() as u64).saturating_mul(tensor.dtype().size().max(size_of::<f32>()) as u64);
        self.tensor_bytes = self.tensor_bytes.saturating_add(bytes);
        if self.tensor_bytes > self.tensor_limit {
            return Err(Error::TensorExpansion { at: self.here(), limit: self.tensor_limit });
        }
        Ok(tensor.clone())
    }

    fn reserve(&mut self, bytes: usize) -> Result<()> {
        let limit = self.budget.limit();
        self.budget.reserve(bytes).map_err(|_| Error::Expansion { at: self.here(), limit })
    }

    /// Builds a child of the current value.
    fn child<T>(&mut self, step: PathStep, build: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.path.push(step);
        if self.path.len() > MAX_DEPTH {
            return Err(Error::TooDeep { at: self.here(), limit: MAX_DEPTH });
        }
        let built = build(self)?;
        self.path.pop();
        Ok(built)
    }

    /// The current path, with only the start of long keys.
    fn here(&self) -> ValuePath {
        let step = |step: &PathStep| match *step {
            PathStep::Key(Object::Str(index)) => Step::Key(Step::start_of(self.arena.string(index)).into()),
            PathStep::Key(Object::Int(key)) => Step::Key(Key::Int(key)),
            PathStep::Key(other) => Step::Key(self.arena.type_name(other).into()),
            PathStep::Index(index) => Step::Index(index),
            PathStep::Metadata => Step::Metadata,
        };
        ValuePath(self.path.iter().map(step).collect())
    }
}
