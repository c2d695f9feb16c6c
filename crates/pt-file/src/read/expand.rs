//! The objects of a pickle to a value: what was one object used twice becomes two equal values.

use crate::path::Step;
use crate::pickle::MAX_DEPTH;
use crate::{Dict, Error, Key, Result, Value, ValuePath};

use super::StoredTensor;
use super::budget::Budget;
use super::machine::Run;
use super::objects::{ALLOCATION, Container, Heap, Kind, Obj};

/// Makes the value. `file_len` bounds the tensors that it may have.
pub(super) fn expand(run: &Run<'_>, file_len: u64) -> Result<Value<StoredTensor>> {
    let mut expander = Expander {
        heap: &run.heap,
        budget: run.heap.budget.clone(),
        tensor_limit: tensor_limit(file_len),
        tensor_bytes: 0,
        path: Vec::new(),
        inside: Vec::new(),
    };
    expander.pay(size_of::<Value<StoredTensor>>())?;
    expander.value(run.top)
}

/// How many bytes the tensors of a file may take if each has elements of its own: views of one storage, and dimensions
/// that were expanded, make them more than the file.
fn tensor_limit(file_len: u64) -> u64 {
    file_len.saturating_mul(16).saturating_add(1 << 30)
}

struct Expander<'p, 'h> {
    heap: &'h Heap<'p>,
    budget: Budget,
    tensor_limit: u64,
    tensor_bytes: u64,
    path: Vec<At>,
    inside: Vec<u32>, // the containers from the top to here
}

/// A step of the path, which becomes a [`Step`] if there is an error to report.
#[derive(Clone, Copy)]
enum At {
    Key(Obj),
    Index(usize),
    Metadata,
}

impl Expander<'_, '_> {
    /// The room for the value itself has been paid by what holds it.
    fn value(&mut self, object: Obj) -> Result<Value<StoredTensor>> {
        Ok(match object {
            Obj::None => Value::None,
            Obj::Bool(value) => Value::Bool(value),
            Obj::Int(value) => Value::Int(value),
            Obj::Float(value) => Value::Float(value),
            Obj::Str(index) => Value::Str(self.string(index)?),
            Obj::Tuple(span) => Value::Tuple(self.items(self.heap.tuple_at(span))?),
            Obj::Container(index) => self.container(index)?,
            Obj::Tensor(index) => Value::Tensor(self.tensor(self.heap.tensor_at(index))?),
            Obj::Global(_) | Obj::Storage(_) => {
                return Err(Error::NoValue { at: self.here(), what: self.heap.type_name(object) });
            }
        })
    }

    fn container(&mut self, index: u32) -> Result<Value<StoredTensor>> {
        if self.inside.contains(&index) {
            return Err(Error::Cycle { at: self.here() });
        }
        self.inside.push(index);
        let container = self.heap.container_at(index);
        let value = match container.kind {
            Kind::List => Value::List(self.items(&container.items)?),
            Kind::Dict | Kind::OrderedDict => Value::Dict(self.dict(container, index)?),
        };
        self.inside.pop();
        Ok(value)
    }

    fn items(&mut self, items: &[Obj]) -> Result<Vec<Value<StoredTensor>>> {
        let room = if items.is_empty() { 0 } else { ALLOCATION };
        self.pay(items.len() * size_of::<Value<StoredTensor>>() + room)?;
        let mut values = Vec::with_capacity(items.len());
        for (index, &item) in items.iter().enumerate() {
            values.push(self.below(At::Index(index), |expander| expander.value(item))?);
        }
        Ok(values)
    }

    fn dict(&mut self, container: &Container, index: u32) -> Result<Dict<StoredTensor>> {
        let (entries, _) = container.items.as_chunks::<2>();
        self.pay(Dict::<StoredTensor>::memory(entries.len()) + 3 * ALLOCATION)?;
        let mut dict = Dict::with_capacity(entries.len());
        if container.kind == Kind::OrderedDict {
            dict = dict.into_ordered();
        }
        for &[key, value] in entries {
            let value = self.below(At::Key(key), |expander| expander.value(value))?;
            dict.insert(self.key(key)?, value);
        }
        let Some(metadata) = self.heap.metadata_of(index) else { return Ok(dict) };
        self.below(At::Metadata, |expander| match expander.value(metadata)? {
            Value::Dict(metadata) => Ok(dict.with_metadata(metadata)),
            other => Err(Error::NoValue { at: expander.here(), what: other.type_name() }),
        })
    }

    fn key(&mut self, key: Obj) -> Result<Key> {
        match key {
            Obj::Str(index) => Ok(Key::Str(self.string(index)?)),
            Obj::Int(key) => Ok(Key::Int(key)),
            other => Err(Error::NoValue { at: self.here(), what: self.heap.type_name(other) }),
        }
    }

    fn string(&mut self, index: u32) -> Result<String> {
        let string = self.heap.str_at(index);
        self.pay(string.len() + ALLOCATION)?;
        Ok(string.to_owned())
    }

    fn tensor(&mut self, tensor: &StoredTensor) -> Result<StoredTensor> {
        let bytes = tensor.layout().numel() as u64 * tensor.dtype().size() as u64;
        self.tensor_bytes = self.tensor_bytes.saturating_add(bytes);
        if self.tensor_bytes > self.tensor_limit {
            return Err(Error::TensorExpansion { at: self.here(), limit: self.tensor_limit });
        }
        Ok(tensor.clone())
    }

    fn pay(&mut self, bytes: usize) -> Result<()> {
        let limit = self.budget.limit();
        self.budget.pay(bytes).map_err(|_| Error::Expansion { at: self.here(), limit })
    }

    fn below<T>(&mut self, step: At, make: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.path.push(step);
        if self.path.len() > MAX_DEPTH {
            return Err(Error::TooDeep { at: self.here(), limit: MAX_DEPTH });
        }
        let made = make(self)?;
        self.path.pop();
        Ok(made)
    }

    /// Where the expander is. Of a long key the start is enough.
    fn here(&self) -> ValuePath {
        let step = |at: &At| match *at {
            At::Key(Obj::Str(index)) => Step::Key(Step::start_of(self.heap.str_at(index)).into()),
            At::Key(Obj::Int(key)) => Step::Key(Key::Int(key)),
            At::Key(other) => Step::Key(self.heap.type_name(other).into()),
            At::Index(index) => Step::Index(index),
            At::Metadata => Step::Metadata,
        };
        ValuePath(self.path.iter().map(step).collect())
    }
}
