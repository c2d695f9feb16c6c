//! Storages, by the persistent ids of a pickle.

use std::io::Cursor;

use super::super::container::{Container, Content, External, StorageReference};
use super::super::pickle::{ALLOCATION, Arena, MemoryBudget, Object, unpickle};
use super::{Built, ValueBuilder};
use crate::error::excerpt;
use crate::pickle_format::UNTYPED_STORAGE;
use crate::{DType, PickleProblem as Problem, Result, StridedView};

/// The limit on the length of the key of a storage.
const MAX_KEY: usize = 40;

/// The limit on the length of a device name, such as `cuda:0`.
const MAX_LOCATION: usize = 64;

/// A persistent id `("storage", class, key, location, elements)`. In a legacy file it can have a view at the end.
pub(in crate::read) struct StorageId<'a> {
    pub(in crate::read) dtype: DType,
    pub(in crate::read) key: &'a str,
    location: &'a str,
    elements: usize,
    /// Offset and number of elements.
    view: Option<(usize, usize)>,
}

/// The id of a storage, or `None` if it is the id of something else.
pub(in crate::read) fn storage_id<'a>(
    arena: &'a Arena<'_>,
    id: Object,
) -> std::result::Result<Option<StorageId<'a>>, Problem> {
    let Some(&[kind, ref parts @ ..]) = arena.as_tuple(id) else { return Ok(None) };
    if arena.as_str(kind) != Some("storage") {
        return Ok(None);
    }
    let size = |object| match object {
        Object::Int(size) => usize::try_from(size).map_err(|_| Problem::Geometry),
        _ => Err(Problem::PersistentId),
    };
    let &[class, key, location, elements, ref view @ ..] = parts else { return Err(Problem::PersistentId) };
    let (Some(dtype), Some(key), Some(location)) =
        (storage_dtype(arena, class), arena.as_str(key), arena.as_str(location))
    else {
        return Err(Problem::PersistentId);
    };
    if key.is_empty() || key.len() > MAX_KEY || !key.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
        return Err(Problem::StorageName(excerpt(key)));
    }
    if location.len() > MAX_LOCATION {
        return Err(Problem::DeviceName(excerpt(location)));
    }
    let view = match *view {
        [] | [Object::None] => None,
        [view] => match arena.as_tuple(view) {
            Some(&[_key, offset, elements]) => Some((size(offset)?, size(elements)?)),
            _ => return Err(Problem::PersistentId),
        },
        _ => return Err(Problem::PersistentId),
    };
    Ok(Some(StorageId { dtype, key, location, elements: size(elements)?, view }))
}

/// The dtype of a storage class, such as `torch.FloatStorage` or `torch.cuda.FloatStorage`. For a quantized dtype it is
/// that of the integers, and for an untyped storage that of bytes.
pub(in crate::read) fn storage_dtype(arena: &Arena<'_>, class: Object) -> Option<DType> {
    let Object::Global(index) = class else { return None };
    let (module, name) = arena.global(index);
    if module != "torch" && !module.starts_with("torch.") {
        return None;
    }
    match name {
        UNTYPED_STORAGE | "_UntypedStorage" | "QUInt8Storage" | "QUInt4x2Storage" | "QUInt2x4Storage" => {
            Some(DType::U8)
        }
        "QInt8Storage" => Some(DType::I8),
        "QInt32Storage" => Some(DType::I32),
        _ => DType::ALL.into_iter().find(|dtype| dtype.storage_class() == Some(name)),
    }
}

/// Whether the class is the untyped storage, whose length is in bytes.
fn is_untyped(arena: &Arena<'_>, class: Option<&Object>) -> bool {
    matches!(class, Some(&Object::Global(index)) if matches!(arena.global(index).1, UNTYPED_STORAGE | "_UntypedStorage"))
}

impl ValueBuilder<'_, '_> {
    /// The value of a reference to something outside the pickle. A storage is a tensor of all its elements.
    pub(super) fn persistent(&mut self, index: u32) -> Result<Built> {
        let object = Object::Persistent(index);
        if let Some((module, name)) = self.name_of(object) {
            return self.name_value(module, name);
        }
        if let Some(External::Tensor(storage, view)) = self.external(index) {
            return self.view(storage.clone(), view.clone(), Default::default());
        }
        let storage = self.storage(object)?;
        let view = StridedView::contiguous(storage.dtype, &[storage.elements])?;
        self.view(storage, view, Default::default())
    }

    /// The object of a tar archive with this id.
    pub(super) fn external(&self, index: u32) -> Option<&External> {
        self.arena.as_str(self.arena.persistent_id(index)).and_then(|key| self.context.externals.get(key))
    }

    /// The storage of a persistent id, after a check of its length.
    pub(super) fn storage(&mut self, object: Object) -> Result<StorageReference> {
        if let Object::Call(index) = object {
            return self.nested_storage(index);
        }
        let Object::Persistent(index) = object else { return Err(self.error(Problem::PersistentId)) };
        if let Some(External::Storage(storage)) = self.external(index) {
            return Ok(storage.clone());
        }
        let arena = self.arena;
        let id = arena.persistent_id(index);
        let is_untyped = is_untyped(arena, arena.as_tuple(id).and_then(|id| id.get(1)));
        let id = storage_id(arena, id)
            .and_then(|id| id.ok_or(Problem::PersistentId))
            .map_err(|problem| self.error(problem))?;
        let record = (self.context.record)(id.key);
        let bytes = (self.context.size)(&record).ok_or_else(|| self.error(Problem::NoRecord(record.clone())))?;
        let expected = id.elements as u128 * id.dtype.size() as u128;
        if u128::from(bytes) != expected {
            return Err(self.error(Problem::StorageSize { record, bytes, expected }));
        }
        let (start, elements) = id.view.unwrap_or((0, id.elements));
        if start.checked_add(elements).is_none_or(|end| end > id.elements) {
            return Err(self.error(Problem::Geometry));
        }
        match self.storages.get(&record) {
            Some(&known) if known != id.dtype && !is_untyped => return Err(self.error(Problem::TwoDTypes(record))),
            Some(_) => {}
            None => {
                self.reserve(record.len() + 2 * size_of::<(String, DType)>() + ALLOCATION)?;
                self.storages.insert(record.clone(), id.dtype);
            }
        }
        let (dtype, location) = (id.dtype, id.location.to_owned());
        Ok(StorageReference { record, dtype, start, elements, location, inline: None })
    }

    /// A storage in a bare pickle: `torch.storage._load_from_bytes(file)`, where the file is one of `torch.save` with
    /// only a storage.
    fn nested_storage(&mut self, index: u32) -> Result<StorageReference> {
        let call = self.arena.call(index);
        let is_nested = self.name_of(call.callee) == Some(("torch.storage", "_load_from_bytes"));
        let Some(&[file]) = self.arena.as_tuple(call.args).filter(|_| is_nested) else {
            return Err(self.error(Problem::PersistentId));
        };
        let file = self.bytes_of(file)?.ok_or_else(|| self.error(Problem::PersistentId))?;
        self.reserve(file.len() + ALLOCATION)?;
        // Python writes the format before 1.6 here. An archive could be compressed, and many of them would take long.
        if file.starts_with(b"PK") {
            return Err(self.error(Problem::PersistentId));
        }
        let (mut container, content) = Container::open(Cursor::new(file))?;
        let Content::Pickle(pickle) = content else { return Err(self.error(Problem::PersistentId)) };
        let unpickled =
            unpickle(&pickle, MemoryBudget::new(pickle.len(), 0)).map_err(|(_, problem)| self.error(problem))?;
        container.locate_storages(&unpickled)?;
        let Object::Persistent(index) = unpickled.root else { return Err(self.error(Problem::PersistentId)) };
        let id = storage_id(&unpickled.arena, unpickled.arena.persistent_id(index));
        let id = id.and_then(|id| id.ok_or(Problem::PersistentId)).map_err(|problem| self.error(problem))?;
        let bytes = container.read(&container.record(id.key))?;
        let (record, location) = ("data.pkl".to_owned(), id.location.to_owned());
        let (dtype, elements) = (id.dtype, bytes.len() / id.dtype.size());
        Ok(StorageReference { record, dtype, start: 0, elements, location, inline: Some(bytes.into()) })
    }
}
