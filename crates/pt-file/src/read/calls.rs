//! What `REDUCE` and `BINPERSID` stand for in a checkpoint.

use crate::Layout;

use super::StoredTensor;
use super::objects::{Container, DictObj, Global, Heap, Obj, StorageObj};
use super::problem::{PickleProblem as Problem, excerpt};

type Result<T> = std::result::Result<T, Problem>;

/// As many as PyTorch's own kernels take.
const MAX_DIMS: usize = 64;

/// Enough for any name of a device: `cuda:0`.
const MAX_LOCATION: usize = 64;

/// The object that a call would make.
pub(super) fn call<'p>(heap: &mut Heap<'p>, callee: Obj<'p>, arguments: Obj<'p>) -> Result<Obj<'p>> {
    let Obj::Global(global) = callee else { return Err(Problem::Call(heap.type_name(callee))) };
    let refused = Problem::Call(global.name());
    let Some(arguments) = heap.tuple(arguments) else { return Err(refused) };
    match (global, arguments) {
        (Global::OrderedDict, []) => {
            Ok(heap.container(Container::Dict(DictObj { ordered: true, ..DictObj::default() })))
        }
        (Global::Counter, &[counts]) if heap.type_name(counts) == "dict" => Ok(counts),
        (Global::Size, &[sizes]) if heap.type_name(sizes) == "tuple" => Ok(sizes),
        (Global::RebuildParameter, &[tensor @ Obj::Tensor(_), Obj::Bool(_), _hooks]) => Ok(tensor),
        (Global::RebuildTensor, &[Obj::Storage(storage), Obj::Int(offset), shape, strides, Obj::Bool(_), _hooks]) => {
            tensor(heap, storage, offset, shape, strides)
        }
        (Global::RebuildTensor, [Obj::Storage(_), .., _metadata]) if arguments.len() == 7 => {
            Err(Problem::TensorMetadata)
        }
        _ => Err(refused),
    }
}

fn tensor<'p>(heap: &mut Heap<'p>, storage: usize, offset: i64, shape: Obj<'p>, strides: Obj<'p>) -> Result<Obj<'p>> {
    let sizes = |heap: &Heap<'p>, tuple: Obj<'p>| -> Option<Vec<usize>> {
        let items = heap.tuple(tuple).filter(|items| items.len() <= MAX_DIMS)?;
        items.iter().map(|item| if let Obj::Int(n) = item { usize::try_from(*n).ok() } else { None }).collect()
    };
    let offset = usize::try_from(offset).map_err(|_| Problem::Geometry)?;
    let shape = sizes(heap, shape).ok_or(Problem::Geometry)?;
    let strides = sizes(heap, strides).ok_or(Problem::Geometry)?;
    let storage = &heap.storages[storage];
    let layout = Layout::strided(storage.dtype, &shape, &strides, offset).map_err(|_| Problem::Geometry)?;
    if layout.span() > storage.elements {
        return Err(Problem::OutsideStorage { layout: Box::new(layout), elements: storage.elements });
    }
    let tensor = StoredTensor { layout, record: storage.record.clone(), location: storage.location.clone() };
    heap.tensor(tensor)
}

/// The storage that `("storage", class, record, location, elements)` refers to.
pub(super) fn storage<'p>(
    heap: &mut Heap<'p>,
    id: Obj<'p>,
    record_size: &dyn Fn(&str) -> Option<u64>,
) -> Result<Obj<'p>> {
    let Some(
        &[
            Obj::Str("storage"),
            Obj::Global(Global::StorageClass(dtype)),
            Obj::Str(name),
            Obj::Str(location),
            Obj::Int(len),
        ],
    ) = heap.tuple(id)
    else {
        return Err(Problem::PersistentId);
    };
    if name.is_empty() || name.len() > 20 || !name.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Problem::StorageName(excerpt(name)));
    }
    if location.len() > MAX_LOCATION {
        return Err(Problem::Location(excerpt(location)));
    }
    let record = format!("data/{name}");
    let bytes = record_size(&record).ok_or_else(|| Problem::NoRecord(record.clone()))?;
    let elements = usize::try_from(len).map_err(|_| Problem::Geometry)?;
    let expected = elements as u128 * dtype.size() as u128;
    if u128::from(bytes) != expected {
        return Err(Problem::StorageSize { record, bytes, expected });
    }
    if *heap.dtypes.entry(record.clone()).or_insert(dtype) != dtype {
        return Err(Problem::TwoDTypes(record));
    }
    heap.storages.push(StorageObj { dtype, record, elements, location: location.to_owned() });
    Ok(Obj::Storage(heap.storages.len() - 1))
}
