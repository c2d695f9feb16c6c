//! The objects that an unpickler creates.
//!
//! Objects that contain others are in an arena and are referred to by their index. So one object can be used many
//! times, a list can contain itself, and no function here is recursive. An [`Object`] takes only 16 bytes, because a
//! malicious pickle can make one from each byte. A tuple takes no more than its items, because each tensor needs
//! several tuples.

use std::collections::HashMap;

use super::memory_budget::{ALLOCATION, MemoryBudget};
use super::stored_tensor::StoredTensor;
use crate::pickle_format::{ORDERED_DICT, REBUILD_PARAMETER, REBUILD_TENSOR};
use crate::{DType, PickleProblem};

type Result<T> = std::result::Result<T, PickleProblem>;

/// A small object itself, or the index of an object in its arena.
#[derive(Debug, Clone, Copy)]
pub(super) enum Object {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(u32),
    Tuple(Span),
    Container(u32),
    Global(Global),
    Storage(u32),
    Tensor(u32),
}

/// The position of a tuple's items in the arena.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    start: u32,
    len: u32,
}

/// A list or dict. It can grow after its creation, and can contain itself.
#[derive(Debug)]
pub(super) struct Container {
    pub(super) kind: ContainerKind,
    /// For a dict: key, value, key, value and so on.
    pub(super) items: Vec<Object>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ContainerKind {
    List,
    Dict,
    OrderedDict,
}

/// A storage that the pickle refers to.
#[derive(Debug)]
pub(super) struct StorageReference<'p> {
    pub(super) dtype: DType,
    pub(super) elements: usize,
    /// The number in the name of its record.
    pub(super) name: &'p str,
    pub(super) location: &'p str,
}

impl StorageReference<'_> {
    /// The name of its record, without the folder.
    pub(super) fn record(&self) -> String {
        format!("data/{}", self.name)
    }
}

/// The arenas, one for each type of object. Each method that adds an object reserves its memory in `budget`.
#[derive(Debug)]
pub(super) struct Arena<'p> {
    pub(super) budget: MemoryBudget,
    /// The attribute `_metadata` of OrderedDicts, by their index.
    metadata: HashMap<u32, Object>,
    strings: Vec<&'p str>,
    tuple_items: Vec<Object>,
    containers: Vec<Container>,
    storages: Vec<StorageReference<'p>>,
    storages_by_name: HashMap<&'p str, u32>,
    tensors: Vec<StoredTensor>,
}

impl<'p> Arena<'p> {
    pub(super) fn new(budget: MemoryBudget) -> Arena<'p> {
        Arena {
            budget,
            metadata: HashMap::new(),
            strings: Vec::new(),
            tuple_items: Vec::new(),
            containers: Vec::new(),
            storages: Vec::new(),
            storages_by_name: HashMap::new(),
            tensors: Vec::new(),
        }
    }

    pub(super) fn add_string(&mut self, string: &'p str) -> Result<Object> {
        self.budget.reserve(size_of::<&str>())?;
        Ok(Object::Str(push(&mut self.strings, string)))
    }

    pub(super) fn add_tuple(&mut self, items: &[Object]) -> Result<Object> {
        self.budget.reserve(size_of_val(items))?;
        let start = self.tuple_items.len() as u32;
        self.tuple_items.extend_from_slice(items);
        Ok(Object::Tuple(Span { start, len: items.len() as u32 }))
    }

    pub(super) fn add_container(&mut self, kind: ContainerKind) -> Result<Object> {
        self.budget.reserve(size_of::<Container>())?;
        Ok(Object::Container(push(&mut self.containers, Container { kind, items: Vec::new() })))
    }

    /// Appends items to a list, or keys and values to a dict.
    pub(super) fn extend(&mut self, container: u32, items: &[Object]) -> Result<()> {
        let container = &mut self.containers[container as usize];
        // Most lists of a malicious pickle are short, so the cost of the allocation counts.
        let first = if container.items.is_empty() { ALLOCATION } else { 0 };
        self.budget.reserve(size_of_val(items) + first)?;
        if container.items.is_empty() {
            container.items.reserve_exact(items.len()); // most containers get all their items at once
        }
        container.items.extend_from_slice(items);
        Ok(())
    }

    /// Sets the attribute `_metadata` of an OrderedDict.
    pub(super) fn set_metadata(&mut self, dict: u32, metadata: Object) -> Result<()> {
        self.budget.reserve(2 * size_of::<(u32, Object)>())?;
        self.metadata.insert(dict, metadata);
        Ok(())
    }

    /// The storage of this record, if it was added before with the same dtype and length.
    pub(super) fn known_storage(&self, storage: &StorageReference<'p>) -> Option<Object> {
        let &index = self.storages_by_name.get(storage.name)?;
        let known = &self.storages[index as usize];
        ((known.dtype, known.elements) == (storage.dtype, storage.elements)).then_some(Object::Storage(index))
    }

    /// Adds a storage. All references to one record are the same storage.
    pub(super) fn add_storage(&mut self, storage: StorageReference<'p>) -> Result<Object> {
        if let Some(&index) = self.storages_by_name.get(storage.name) {
            let same_dtype = self.storages[index as usize].dtype == storage.dtype;
            return same_dtype
                .then_some(Object::Storage(index))
                .ok_or_else(|| PickleProblem::TwoDTypes(storage.record()));
        }
        self.budget.reserve(size_of_val(&storage) + 2 * size_of::<(&str, u32)>())?;
        self.storages_by_name.insert(storage.name, self.storages.len() as u32);
        Ok(Object::Storage(push(&mut self.storages, storage)))
    }

    pub(super) fn add_tensor(&mut self, tensor: StoredTensor) -> Result<Object> {
        self.budget.reserve(tensor.memory_size())?;
        Ok(Object::Tensor(push(&mut self.tensors, tensor)))
    }

    pub(super) fn string(&self, index: u32) -> &'p str {
        self.strings[index as usize]
    }

    pub(super) fn tuple(&self, span: Span) -> &[Object] {
        &self.tuple_items[span.start as usize..][..span.len as usize]
    }

    pub(super) fn container(&self, index: u32) -> &Container {
        &self.containers[index as usize]
    }

    pub(super) fn metadata(&self, dict: u32) -> Option<Object> {
        self.metadata.get(&dict).copied()
    }

    pub(super) fn storage(&self, index: u32) -> &StorageReference<'p> {
        &self.storages[index as usize]
    }

    pub(super) fn tensor(&self, index: u32) -> &StoredTensor {
        &self.tensors[index as usize]
    }

    /// The name of the type, for messages.
    pub(super) fn type_name(&self, object: Object) -> &'static str {
        match object {
            Object::None => "NoneType",
            Object::Bool(_) => "bool",
            Object::Int(_) => "int",
            Object::Float(_) => "float",
            Object::Str(_) => "str",
            Object::Tuple(_) => "tuple",
            Object::Container(index) => match self.container(index).kind {
                ContainerKind::List => "list",
                ContainerKind::Dict | ContainerKind::OrderedDict => "dict",
            },
            Object::Global(global) => global.name(),
            Object::Storage(_) => "a storage",
            Object::Tensor(_) => "Tensor",
        }
    }
}

/// Appends an item and returns its index. It fits in 32 bits, because the budget is much smaller.
fn push<T>(arena: &mut Vec<T>, item: T) -> u32 {
    arena.push(item);
    (arena.len() - 1) as u32
}

/// The only functions and classes that a pickle may name. The reader implements them itself and never calls Python.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Global {
    OrderedDict,
    /// A dict of counts, such as the milestones of MultiStepLR.
    Counter,
    Size,
    RebuildTensor,
    RebuildParameter,
    StorageClass(DType),
}

impl Global {
    pub(super) fn find(module: &str, name: &str) -> Option<Global> {
        match (module, name) {
            ORDERED_DICT => Some(Global::OrderedDict),
            ("collections", "Counter") => Some(Global::Counter),
            ("torch", "Size") => Some(Global::Size),
            REBUILD_TENSOR => Some(Global::RebuildTensor),
            REBUILD_PARAMETER => Some(Global::RebuildParameter),
            ("torch", class) => {
                DType::ALL.into_iter().find(|dtype| dtype.storage_class() == class).map(Global::StorageClass)
            }
            _ => None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Global::OrderedDict => "collections.OrderedDict",
            Global::Counter => "collections.Counter",
            Global::Size => "torch.Size",
            Global::RebuildTensor => "torch._utils._rebuild_tensor_v2",
            Global::RebuildParameter => "torch._utils._rebuild_parameter",
            Global::StorageClass(dtype) => dtype.storage_class(),
        }
    }
}
