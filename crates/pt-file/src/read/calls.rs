//! The results of the operations `REDUCE`, which calls a function, and `BINPERSID`, which refers to a storage.

use super::objects::{Arena, ContainerKind, Global, Object, StorageReference};
use super::stored_tensor::StoredTensor;
use crate::error::excerpt;
use crate::{PickleProblem as Problem, StridedView};

type Result<T> = std::result::Result<T, Problem>;

/// The limit of PyTorch's kernels.
const MAX_DIMS: usize = 64;

/// The limit on the length of a device name, such as `cuda:0`.
const MAX_LOCATION: usize = 64;

/// The object that Python's call would return.
pub(super) fn call(arena: &mut Arena<'_>, callee: Object, arguments: Object) -> Result<Object> {
    let Object::Global(global) = callee else { return Err(Problem::Call(arena.type_name(callee))) };
    let refused = Problem::Call(global.name());
    let Object::Tuple(arguments) = arguments else { return Err(refused) };
    match (global, arena.tuple(arguments)) {
        (Global::OrderedDict, []) => arena.add_container(ContainerKind::OrderedDict),
        (Global::Counter, &[counts]) if arena.type_name(counts) == "dict" => Ok(counts),
        (Global::Size, &[sizes @ Object::Tuple(_)]) => Ok(sizes),
        (Global::RebuildParameter, &[tensor @ Object::Tensor(_), Object::Bool(_), _hooks]) => Ok(tensor),
        (
            Global::RebuildTensor,
            &[Object::Storage(storage), Object::Int(offset), shape, strides, Object::Bool(_), _hooks],
        ) => rebuild_tensor(arena, storage, offset, shape, strides),
        (Global::RebuildTensor, [Object::Storage(_), _, _, _, _, _, _metadata]) => Err(Problem::TensorMetadata),
        _ => Err(refused),
    }
}

fn rebuild_tensor(arena: &mut Arena<'_>, storage: u32, offset: i64, shape: Object, strides: Object) -> Result<Object> {
    let offset = usize::try_from(offset).map_err(|_| Problem::Geometry)?;
    let (shape, strides) = (sizes(arena, shape)?, sizes(arena, strides)?);
    let storage = arena.storage(storage);
    let view = StridedView::new(storage.dtype, &shape, &strides, offset).map_err(|_| Problem::Geometry)?;
    let (needed, elements) = (view.storage_len(), storage.elements);
    if needed > elements {
        return Err(Problem::OutsideStorage { view: view.to_string(), needed, elements });
    }
    let tensor = StoredTensor::new(view, storage.record(), storage.location.to_owned());
    arena.add_tensor(tensor)
}

fn sizes(arena: &Arena<'_>, tuple: Object) -> Result<Vec<usize>> {
    let Object::Tuple(span) = tuple else { return Err(Problem::Geometry) };
    let items = arena.tuple(span);
    if items.len() > MAX_DIMS {
        return Err(Problem::Geometry);
    }
    let size = |item: &Object| if let Object::Int(size) = item { usize::try_from(*size).ok() } else { None };
    items.iter().map(|item| size(item).ok_or(Problem::Geometry)).collect()
}

/// The storage of the persistent id `("storage", class, name, location, elements)`.
pub(super) fn storage(
    arena: &mut Arena<'_>,
    persistent_id: Object,
    record_size: &dyn Fn(&str) -> Option<u64>,
) -> Result<Object> {
    let Object::Tuple(id) = persistent_id else { return Err(Problem::PersistentId) };
    let &[
        Object::Str(kind),
        Object::Global(Global::StorageClass(dtype)),
        Object::Str(name),
        Object::Str(location),
        Object::Int(elements),
    ] = arena.tuple(id)
    else {
        return Err(Problem::PersistentId);
    };
    if arena.string(kind) != "storage" {
        return Err(Problem::PersistentId);
    }
    let (name, location) = (arena.string(name), arena.string(location));
    if name.is_empty() || name.len() > 20 || !name.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Problem::StorageName(excerpt(name)));
    }
    if location.len() > MAX_LOCATION {
        return Err(Problem::DeviceName(excerpt(location)));
    }
    let elements = usize::try_from(elements).map_err(|_| Problem::Geometry)?;
    let storage = StorageReference { dtype, elements, name, location };
    if let Some(known) = arena.known_storage(&storage) {
        return Ok(known);
    }
    let record = storage.record();
    let bytes = record_size(&record).ok_or_else(|| Problem::NoRecord(record.clone()))?;
    let expected = elements as u128 * dtype.size() as u128;
    if u128::from(bytes) != expected {
        return Err(Problem::StorageSize { record, bytes, expected });
    }
    arena.add_storage(storage)
}
