//! Builds a value from the objects of a pickle. An object that is used twice becomes two equal values.
//!
//! | module | content |
//! |---|---|
//! | `known` | the calls that become a simple value: sets, bytes, OrderedDict, tensors and so on |
//! | `objects` | all other calls: they become an [`Object`](crate::Object) |
//! | `storages`, `tensors`, `numpy` | storages by their id; tensors of torch; arrays and scalars of NumPy |

mod known;
mod numpy;
mod objects;
mod storages;
mod tensors;

use std::collections::HashMap;

use super::container::{External, expansion_limit};
use super::pickle::{ALLOCATION, Arena, Container, ContainerKind, MemoryBudget, Object, Unpickled};
use super::script::ScriptClasses;
use super::stored_tensor::StoredTensor;
use crate::value_path::Step;
use crate::{BigInt, DType, Dict, Error, Key, MAX_DEPTH, PickleProblem as Problem, Result, Value, ValuePath};
pub(super) use storages::{storage_dtype, storage_id};

/// What the builder must know about the file.
pub(super) struct Context<'c> {
    /// The name of the record of a storage's key.
    pub(super) record: &'c dyn Fn(&str) -> String,
    /// The length of a record in bytes.
    pub(super) size: &'c dyn Fn(&str) -> Option<u64>,
    pub(super) externals: &'c HashMap<String, External>,
    pub(super) classes: &'c ScriptClasses,
    /// The memory that the value may take.
    pub(super) budget: MemoryBudget,
    /// The length of the file, which limits the total size of the tensors.
    pub(super) file_len: u64,
}

/// Builds the value.
pub(super) fn build(unpickled: &Unpickled<'_>, context: Context<'_>) -> Result<Value<StoredTensor>> {
    let mut builder = ValueBuilder {
        arena: &unpickled.arena,
        budget: context.budget.clone(),
        tensor_limit: expansion_limit(context.file_len),
        context,
        tensor_bytes: 0,
        storages: HashMap::new(),
        path: Vec::new(),
        open: Vec::new(),
    };
    builder.reserve(size_of::<Value<StoredTensor>>())?;
    let value = builder.value(unpickled.root)?;
    first_problem(unpickled).map_or(Ok(value), Err)
}

/// The error for the first invalid operation that is no part of the value.
pub(super) fn first_problem(unpickled: &Unpickled<'_>) -> Option<Error> {
    let (at, problem) = unpickled.arena.problems().first()?;
    Some(Error::Pickle { at: *at, problem: problem.clone() })
}

struct ValueBuilder<'p, 'a> {
    arena: &'a Arena<'p>,
    context: Context<'a>,
    budget: MemoryBudget,
    tensor_limit: u64,
    tensor_bytes: u64,
    /// The dtype of each record that is used.
    storages: HashMap<String, DType>,
    path: Vec<PathStep>,
    /// The objects on the path, and the length of the path to each.
    open: Vec<(Object, usize)>,
}

/// A step of the path. An error message converts it to a [`Step`].
#[derive(Clone, Copy)]
enum PathStep {
    Key(Object),
    Index(usize),
    Metadata,
    Arg(usize),
    State,
    Entry(usize),
}

type Built = Value<StoredTensor>;

impl<'p, 'a> ValueBuilder<'p, 'a> {
    /// The caller has reserved the memory of the value itself.
    fn value(&mut self, object: Object) -> Result<Built> {
        Ok(match object {
            Object::None => Value::None,
            Object::Bool(value) => Value::Bool(value),
            Object::Int(value) => Value::Int(value),
            Object::Float(value) => Value::Float(value),
            Object::BigInt(index) => self.big_int(index)?,
            Object::Str(index) => Value::Str(self.string(index)?),
            Object::InvalidStr => return Err(self.error(Problem::NotUtf8)),
            Object::Invalid(index) => return Err(self.error(self.arena.problem(index).clone())),
            Object::Bytes(index) => Value::Bytes(self.copied(index)?),
            Object::ByteArray(index) => Value::ByteArray(self.copied(index)?),
            Object::Tuple(span) => Value::Tuple(self.items(self.arena.tuple(span))?),
            Object::Global(index) => self.global(index)?,
            Object::Persistent(index) => self.persistent(index)?,
            Object::Container(index) => {
                let container = self.arena.container(index);
                self.opened(object, |builder| builder.container(container))?
            }
            Object::Call(index) => {
                let call = self.arena.call(index);
                self.opened(object, |builder| builder.call(call))?
            }
        })
    }

    /// Builds an object that can contain itself.
    fn opened(&mut self, object: Object, build: impl FnOnce(&mut Self) -> Result<Built>) -> Result<Built> {
        if let Some((_, len)) = self.open.iter().find(|(open, _)| *open == object) {
            return Ok(Value::BackReference(self.path.len() - len));
        }
        if self.open.len() > MAX_DEPTH {
            return Err(Error::TooDeep { at: self.here(), limit: MAX_DEPTH });
        }
        self.open.push((object, self.path.len()));
        let value = build(self)?;
        self.open.pop();
        Ok(value)
    }

    fn container(&mut self, container: &Container) -> Result<Built> {
        let items = &container.items;
        Ok(match container.kind {
            ContainerKind::List => Value::List(self.items(items)?),
            ContainerKind::Set => Value::Set(self.items(items)?),
            ContainerKind::FrozenSet => Value::FrozenSet(self.items(items)?),
            ContainerKind::Dict if self.has_simple_keys(items) => Value::Dict(self.dict(items)?),
            ContainerKind::Dict => self.object_with_entries("builtins", "dict", items)?,
        })
    }

    fn items(&mut self, items: &[Object]) -> Result<Vec<Built>> {
        let allocation = if items.is_empty() { 0 } else { ALLOCATION };
        self.reserve(items.len() * size_of::<Built>() + allocation)?;
        let mut values = Vec::with_capacity(items.len());
        for (index, &item) in items.iter().enumerate() {
            values.push(self.child(PathStep::Index(index), |builder| builder.value(item))?);
        }
        Ok(values)
    }

    /// A dict of keys and values that alternate. All keys are simple.
    fn dict(&mut self, entries: &[Object]) -> Result<Dict<StoredTensor>> {
        let (entries, _) = entries.as_chunks::<2>();
        self.reserve(Dict::<StoredTensor>::memory_size(entries.len()) + 3 * ALLOCATION)?;
        let mut dict = Dict::with_capacity(entries.len());
        for &[key, value] in entries {
            let value = self.child(PathStep::Key(key), |builder| builder.value(value))?;
            if let Some(key) = self.key(key)? {
                dict.insert(key, value);
            }
        }
        Ok(dict)
    }

    fn has_simple_keys(&self, entries: &[Object]) -> bool {
        let (entries, _) = entries.as_chunks::<2>();
        entries.iter().all(|&[key, _]| self.is_simple_key(key, 0))
    }

    /// Whether [`Key`] has a variant for the object. Keys are nested at most three levels deep.
    fn is_simple_key(&self, key: Object, depth: usize) -> bool {
        match key {
            Object::None | Object::Bool(_) | Object::Int(_) | Object::Float(_) | Object::Str(_) | Object::Bytes(_) => {
                true
            }
            Object::Call(index) => self.name_of(self.arena.call(index).callee) == Some(("_codecs", "encode")),
            Object::Tuple(span) => {
                depth < 3 && self.arena.tuple(span).iter().all(|&item| self.is_simple_key(item, depth + 1))
            }
            _ => false,
        }
    }

    fn key(&mut self, key: Object) -> Result<Option<Key>> {
        Ok(Some(match key {
            Object::None => Key::None,
            Object::Bool(key) => Key::Bool(key),
            Object::Int(key) => Key::Int(key),
            Object::Float(key) => Key::Float(key.into()),
            Object::Str(index) => Key::Str(self.string(index)?),
            Object::Bytes(index) => Key::Bytes(self.copied(index)?),
            Object::Tuple(span) => {
                let items = self.arena.tuple(span);
                self.reserve(size_of_val(items) * 2 + ALLOCATION)?;
                let keys = items.iter().map(|&item| self.key(item)).collect::<Result<Option<_>>>()?;
                return Ok(keys.map(Key::Tuple));
            }
            Object::Call(_) => match self.bytes_of(key)? {
                Some(bytes) => Key::Bytes(bytes), // of protocol 2
                None => return Err(self.error(Problem::Call("_codecs.encode"))),
            },
            _ => return Ok(None),
        }))
    }

    fn big_int(&mut self, index: u32) -> Result<Built> {
        self.reserve(self.arena.bytes(index).len() + ALLOCATION)?;
        let int = BigInt::from_le_bytes(self.arena.bytes(index));
        Ok(int.as_i64().map_or(Value::BigInt(int), Value::Int))
    }

    fn string(&mut self, index: u32) -> Result<String> {
        let string = self.arena.string(index);
        self.reserve(string.len() + ALLOCATION)?;
        Ok(string.to_owned())
    }

    fn copied(&mut self, index: u32) -> Result<Vec<u8>> {
        let bytes = self.arena.bytes(index);
        self.reserve(bytes.len() + ALLOCATION)?;
        Ok(bytes.to_vec())
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

    /// An error at the current path.
    fn error(&self, problem: Problem) -> Error {
        Error::Object { at: self.here(), problem }
    }

    /// The current path, with only the start of long keys.
    fn here(&self) -> ValuePath {
        let step = |step: &PathStep| match *step {
            PathStep::Key(Object::Str(index)) => Step::Key(Step::start_of(self.arena.string(index)).into()),
            PathStep::Key(Object::Int(key)) => Step::Key(Key::Int(key)),
            PathStep::Key(Object::None) => Step::Key(Key::None),
            PathStep::Key(Object::Bool(key)) => Step::Key(Key::Bool(key)),
            PathStep::Key(Object::Float(key)) => Step::Key(Key::Float(key.into())),
            PathStep::Key(other) => Step::Key(self.arena.type_name(other).into()),
            PathStep::Index(index) => Step::Index(index),
            PathStep::Metadata => Step::Metadata,
            PathStep::Arg(index) => Step::Arg(index),
            PathStep::State => Step::State,
            PathStep::Entry(index) => Step::Entry(index),
        };
        self.path.iter().map(step).collect()
    }
}
