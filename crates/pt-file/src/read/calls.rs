//! What `REDUCE` and `BINPERSID` stand for in a checkpoint.

use crate::Layout;

use super::StoredTensor;
use super::objects::{Global, Heap, Kind, Obj, StorageObj};
use super::problem::{PickleProblem as Problem, excerpt};

type Result<T> = std::result::Result<T, Problem>;

/// As many as PyTorch's own kernels take.
const MAX_DIMS: usize = 64;

/// Enough for any name of a device: `cuda:0`.
const MAX_LOCATION: usize = 64;

/// The object that a call would make.
pub(super) fn call(heap: &mut Heap<'_>, callee: Obj, arguments: Obj) -> Result<Obj> {
    let Obj::Global(global) = callee else { return Err(Problem::Call(heap.type_name(callee))) };
    let refused = Problem::Call(global.name());
    let Obj::Tuple(arguments) = arguments else { return Err(refused) };
    match (global, heap.tuple_at(arguments)) {
        (Global::OrderedDict, []) => heap.container(Kind::OrderedDict),
        (Global::Counter, &[counts]) if heap.type_name(counts) == "dict" => Ok(counts),
        (Global::Size, &[sizes @ Obj::Tuple(_)]) => Ok(sizes),
        (Global::RebuildParameter, &[tensor @ Obj::Tensor(_), Obj::Bool(_), _hooks]) => Ok(tensor),
        (Global::RebuildTensor, &[Obj::Storage(storage), Obj::Int(offset), shape, strides, Obj::Bool(_), _hooks]) => {
            tensor(heap, storage, offset, shape, strides)
        }
        (Global::RebuildTensor, [Obj::Storage(_), _, _, _, _, _, _metadata]) => Err(Problem::TensorMetadata),
        _ => Err(refused),
    }
}

fn tensor(heap: &mut Heap<'_>, storage: u32, offset: i64, shape: Obj, strides: Obj) -> Result<Obj> {
    let offset = usize::try_from(offset).map_err(|_| Problem::Geometry)?;
    let (shape, strides) = (sizes(heap, shape)?, sizes(heap, strides)?);
    let storage = heap.storage_at(storage);
    let layout = Layout::strided(storage.dtype, &shape, &strides, offset).map_err(|_| Problem::Geometry)?;
    if layout.span() > storage.elements {
        return Err(Problem::OutsideStorage { layout: Box::new(layout), elements: storage.elements });
    }
    let tensor = StoredTensor::new(layout, storage.record(), storage.location.to_owned());
    heap.tensor(tensor)
}

fn sizes(heap: &Heap<'_>, tuple: Obj) -> Result<Vec<usize>> {
    let Obj::Tuple(span) = tuple else { return Err(Problem::Geometry) };
    let items = heap.tuple_at(span);
    if items.len() > MAX_DIMS {
        return Err(Problem::Geometry);
    }
    let size = |item: &Obj| if let Obj::Int(size) = item { usize::try_from(*size).ok() } else { None };
    items.iter().map(|item| size(item).ok_or(Problem::Geometry)).collect()
}

/// The storage that `("storage", class, name, location, elements)` refers to.
pub(super) fn storage(heap: &mut Heap<'_>, id: Obj, record_size: &dyn Fn(&str) -> Option<u64>) -> Result<Obj> {
    let Obj::Tuple(id) = id else { return Err(Problem::PersistentId) };
    let &[Obj::Str(kind), Obj::Global(Global::StorageClass(dtype)), Obj::Str(name), Obj::Str(location), Obj::Int(len)] =
        heap.tuple_at(id)
    else {
        return Err(Problem::PersistentId);
    };
    if heap.str_at(kind) != "storage" {
        return Err(Problem::PersistentId);
    }
    let (name, location) = (heap.str_at(name), heap.str_at(location));
    if name.is_empty() || name.len() > 20 || !name.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Problem::StorageName(excerpt(name)));
    }
    if location.len() > MAX_LOCATION {
        return Err(Problem::Location(excerpt(location)));
    }
    let elements = usize::try_from(len).map_err(|_| Problem::Geometry)?;
    let storage = StorageObj { dtype, elements, name, location };
    if let Some(known) = heap.known_storage(&storage) {
        return Ok(known);
    }
    let record = storage.record();
    let bytes = record_size(&record).ok_or_else(|| Problem::NoRecord(record.clone()))?;
    let expected = elements as u128 * dtype.size() as u128;
    if u128::from(bytes) != expected {
        return Err(Problem::StorageSize { record, bytes, expected });
    }
    heap.storage(storage)
}
