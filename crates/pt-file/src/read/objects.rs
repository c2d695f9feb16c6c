//! What the machine of a pickle works on.
//!
//! Everything that holds other things lies in an arena and is named by its index. So a value that is used twice is one
//! object, lists may contain themselves, and nothing here is recursive, however deep the nesting. An object takes 16
//! bytes, for a hostile pickle makes one of every byte; a tuple takes no more than its items, for every tensor is made
//! of several.

use std::collections::HashMap;

use crate::DType;
use crate::pickle::{ORDERED_DICT, REBUILD_PARAMETER, REBUILD_TENSOR};

use super::StoredTensor;
use super::budget::Budget;
use super::problem::PickleProblem;

type Result<T> = std::result::Result<T, PickleProblem>;

/// An object, or the index of the rest of it in an arena.
#[derive(Debug, Clone, Copy)]
pub(super) enum Obj {
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

/// The items of a tuple in their arena.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    start: u32,
    len: u32,
}

/// What can grow after it was made, and contain itself.
#[derive(Debug)]
pub(super) struct Container {
    pub(super) kind: Kind,
    /// key, value, key, value and so on if it is a dict
    pub(super) items: Vec<Obj>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    List,
    Dict,
    OrderedDict,
}

/// A storage that the pickle refers to.
#[derive(Debug)]
pub(super) struct StorageObj<'p> {
    pub(super) dtype: DType,
    pub(super) elements: usize,
    /// the number in the name of its record
    pub(super) name: &'p str,
    pub(super) location: &'p str,
}

/// The arenas. What is put into them is paid for.
#[derive(Debug)]
pub(super) struct Heap<'p> {
    pub(super) budget: Budget,
    /// the attribute of OrderedDicts, by their index
    metadata: HashMap<u32, Obj>,
    strings: Vec<&'p str>,
    tuples: Vec<Obj>,
    containers: Vec<Container>,
    storages: Vec<StorageObj<'p>>,
    by_name: HashMap<&'p str, u32>,
    tensors: Vec<StoredTensor>,
}

impl<'p> Heap<'p> {
    pub(super) fn new(budget: Budget) -> Heap<'p> {
        Heap {
            budget,
            metadata: HashMap::new(),
            strings: Vec::new(),
            tuples: Vec::new(),
            containers: Vec::new(),
            storages: Vec::new(),
            by_name: HashMap::new(),
            tensors: Vec::new(),
        }
    }

    pub(super) fn string(&mut self, string: &'p str) -> Result<Obj> {
        self.budget.pay(size_of::<&str>())?;
        Ok(Obj::Str(append(&mut self.strings, string)))
    }

    pub(super) fn tuple(&mut self, items: &[Obj]) -> Result<Obj> {
        self.budget.pay(size_of_val(items))?;
        let start = self.tuples.len() as u32;
        self.tuples.extend_from_slice(items);
        Ok(Obj::Tuple(Span { start, len: items.len() as u32 }))
    }

    pub(super) fn container(&mut self, kind: Kind) -> Result<Obj> {
        self.budget.pay(size_of::<Container>())?;
        Ok(Obj::Container(append(&mut self.containers, Container { kind, items: Vec::new() })))
    }

    /// Adds items to a list, or keys and values to a dict.
    pub(super) fn extend(&mut self, container: u32, items: &[Obj]) -> Result<()> {
        let container = &mut self.containers[container as usize];
        // The allocator's own share counts, too: most lists of a hostile pickle are short.
        let first = if container.items.is_empty() { ALLOCATION } else { 0 };
        self.budget.pay(size_of_val(items) + first)?;
        if container.items.is_empty() {
            container.items.reserve_exact(items.len()); // most get all their items at once
        }
        container.items.extend_from_slice(items);
        Ok(())
    }

    /// Sets the `_metadata` of an OrderedDict.
    pub(super) fn set_metadata(&mut self, dict: u32, metadata: Obj) -> Result<()> {
        self.budget.pay(2 * size_of::<(u32, Obj)>())?;
        self.metadata.insert(dict, metadata);
        Ok(())
    }

    /// The storage of this record, if it has been referred to before as of this dtype and length: its record fits.
    pub(super) fn known_storage(&self, storage: &StorageObj<'p>) -> Option<Obj> {
        let &index = self.by_name.get(storage.name)?;
        let known = &self.storages[index as usize];
        ((known.dtype, known.elements) == (storage.dtype, storage.elements)).then_some(Obj::Storage(index))
    }

    /// Adds a storage. All references to one record are the same storage.
    pub(super) fn storage(&mut self, storage: StorageObj<'p>) -> Result<Obj> {
        if let Some(&index) = self.by_name.get(storage.name) {
            let same_dtype = self.storages[index as usize].dtype == storage.dtype;
            return if same_dtype { Ok(Obj::Storage(index)) } else { Err(PickleProblem::TwoDTypes(storage.record())) };
        }
        self.budget.pay(size_of_val(&storage) + 2 * size_of::<(&str, u32)>())?;
        self.by_name.insert(storage.name, self.storages.len() as u32);
        Ok(Obj::Storage(append(&mut self.storages, storage)))
    }

    pub(super) fn tensor(&mut self, tensor: StoredTensor) -> Result<Obj> {
        self.budget.pay(tensor.memory())?;
        Ok(Obj::Tensor(append(&mut self.tensors, tensor)))
    }

    pub(super) fn str_at(&self, index: u32) -> &'p str {
        self.strings[index as usize]
    }

    pub(super) fn tuple_at(&self, span: Span) -> &[Obj] {
        &self.tuples[span.start as usize..][..span.len as usize]
    }

    pub(super) fn container_at(&self, index: u32) -> &Container {
        &self.containers[index as usize]
    }

    pub(super) fn metadata_of(&self, dict: u32) -> Option<Obj> {
        self.metadata.get(&dict).copied()
    }

    pub(super) fn storage_at(&self, index: u32) -> &StorageObj<'p> {
        &self.storages[index as usize]
    }

    pub(super) fn tensor_at(&self, index: u32) -> &StoredTensor {
        &self.tensors[index as usize]
    }

    /// The name of the type, for messages.
    pub(super) fn type_name(&self, object: Obj) -> &'static str {
        match object {
            Obj::None => "NoneType",
            Obj::Bool(_) => "bool",
            Obj::Int(_) => "int",
            Obj::Float(_) => "float",
            Obj::Str(_) => "str",
            Obj::Tuple(_) => "tuple",
            Obj::Container(index) => match self.container_at(index).kind {
                Kind::List => "list",
                Kind::Dict | Kind::OrderedDict => "dict",
            },
            Obj::Global(global) => global.name(),
            Obj::Storage(_) => "a storage",
            Obj::Tensor(_) => "Tensor",
        }
    }
}

/// What an allocation costs beside its bytes.
pub(super) const ALLOCATION: usize = 16;

/// Puts something into an arena. The budget ends long before 32 bits do.
fn append<T>(arena: &mut Vec<T>, item: T) -> u32 {
    arena.push(item);
    (arena.len() - 1) as u32
}

impl StorageObj<'_> {
    /// The name of its record within the folder.
    pub(super) fn record(&self) -> String {
        format!("data/{}", self.name)
    }
}

/// The only functions and classes that a pickle may name. They are understood, never called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Global {
    OrderedDict,
    /// a dict of counts, such as MultiStepLR's milestones
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
