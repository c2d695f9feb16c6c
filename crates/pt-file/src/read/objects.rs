//! What the machine of a pickle works on.
//!
//! Everything that holds other things lives in an arena and is named by its index. So a value that is used twice is one
//! object, lists may contain themselves, and nothing here is recursive, however deep the nesting.

use std::collections::HashMap;

use crate::DType;
use crate::pickle::{ORDERED_DICT, REBUILD_PARAMETER, REBUILD_TENSOR};

use super::StoredTensor;
use super::problem::PickleProblem;

/// How much a pickle of `len` bytes may become, counted in values and bytes of strings.
///
/// What `torch.save` writes stays far below: every value takes bytes of its own, only strings and a few tuples are used
/// again. A file of 300 bytes can ask for a billion values by lists of lists of the same list.
pub(super) fn expansion_limit(len: usize) -> usize {
    len.saturating_mul(4).saturating_add(1 << 16)
}

/// An object, or where to find it. Strings are in the pickle.
#[derive(Debug, Clone, Copy)]
pub(super) enum Obj<'p> {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(&'p str),
    Container(usize),
    Global(Global),
    Storage(usize),
    Tensor(usize),
}

#[derive(Debug)]
pub(super) enum Container<'p> {
    List(Vec<Obj<'p>>),
    Tuple(Vec<Obj<'p>>),
    Dict(DictObj<'p>),
}

#[derive(Debug, Default)]
pub(super) struct DictObj<'p> {
    pub(super) entries: Vec<(Obj<'p>, Obj<'p>)>,
    pub(super) ordered: bool,
    pub(super) metadata: Option<Obj<'p>>,
}

/// A storage that the pickle refers to.
#[derive(Debug)]
pub(super) struct StorageObj {
    pub(super) dtype: DType,
    pub(super) record: String,
    pub(super) elements: usize,
    pub(super) location: String,
}

/// The arenas.
#[derive(Debug)]
pub(super) struct Heap<'p> {
    pub(super) containers: Vec<Container<'p>>,
    pub(super) storages: Vec<StorageObj>,
    pub(super) tensors: Vec<StoredTensor>,
    /// of the records that are storages
    pub(super) dtypes: HashMap<String, DType>,
    room: usize,
}

impl<'p> Heap<'p> {
    /// For a pickle of `len` bytes.
    pub(super) fn new(len: usize) -> Heap<'p> {
        let room = expansion_limit(len);
        Heap { containers: Vec::new(), storages: Vec::new(), tensors: Vec::new(), dtypes: HashMap::new(), room }
    }

    /// Adds a tensor. Two bytes of a pickle can use a long shape once more, so the dimensions are counted.
    pub(super) fn tensor(&mut self, tensor: StoredTensor) -> Result<Obj<'p>, PickleProblem> {
        let left = self.room.checked_sub(2 * tensor.layout.shape().len());
        self.room = left.ok_or(PickleProblem::Expansion)?;
        self.tensors.push(tensor);
        Ok(Obj::Tensor(self.tensors.len() - 1))
    }

    pub(super) fn container(&mut self, container: Container<'p>) -> Obj<'p> {
        self.containers.push(container);
        Obj::Container(self.containers.len() - 1)
    }

    /// The items of a tuple, if it is one.
    pub(super) fn tuple(&self, object: Obj<'p>) -> Option<&[Obj<'p>]> {
        match object {
            Obj::Container(index) => match &self.containers[index] {
                Container::Tuple(items) => Some(items),
                _ => None,
            },
            _ => None,
        }
    }

    /// The dict, if it is one.
    pub(super) fn dict(&mut self, object: Obj<'p>) -> Option<&mut DictObj<'p>> {
        match object {
            Obj::Container(index) => match &mut self.containers[index] {
                Container::Dict(dict) => Some(dict),
                _ => None,
            },
            _ => None,
        }
    }

    /// The name of the type, for messages.
    pub(super) fn type_name(&self, object: Obj<'p>) -> &'static str {
        match object {
            Obj::None => "NoneType",
            Obj::Bool(_) => "bool",
            Obj::Int(_) => "int",
            Obj::Float(_) => "float",
            Obj::Str(_) => "str",
            Obj::Container(index) => match self.containers[index] {
                Container::List(_) => "list",
                Container::Tuple(_) => "tuple",
                Container::Dict(_) => "dict",
            },
            Obj::Global(global) => global.name(),
            Obj::Storage(_) => "a storage",
            Obj::Tensor(_) => "Tensor",
        }
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
