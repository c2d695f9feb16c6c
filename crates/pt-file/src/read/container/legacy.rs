//! The format of `torch.save` before 1.6: five pickles, one after the other, and then the storages.
//!
//! The pickles are a magic number, the format's version, facts about the machine, the value, and the list of the keys of the
//! storages. Then, for each key, a 64-bit number of elements and the elements. A bare pickle is only the value.

use std::collections::HashMap;
use std::io::{Read, Seek};

use super::super::build::storage_id;
use super::super::pickle::{ContainerKind, MemoryBudget, Object, Unpickled, unpickle, unpickle_with_problems};
use super::source::{i64_at, pickle_at};
use super::{Container, Extent};
use crate::{Error, PickleProblem, Result};

/// 0x1950a86a20f9469cfc6c, little-endian.
const MAGIC: &[u8] = b"\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";

const VERSION: i64 = 1001;

pub(super) fn open<R: Read + Seek>(mut source: R, len: u64) -> Result<(Container<R>, Vec<u8>)> {
    let first = pickle_at(&mut source, 0, len)?;
    if !is_magic(&first)? {
        return Ok((Container::flat(source, len, None), first));
    }
    let mut at = first.len() as u64;
    let version = pickle_at(&mut source, at, len)?;
    if unpickled(&version)?.root != Object::Int(VERSION) {
        return Err(Error::NotACheckpoint("a file of an unknown version of PyTorch's format before 1.6"));
    }
    at += version.len() as u64;
    at += pickle_at(&mut source, at, len)?.len() as u64; // about the machine; torch ignores it too
    let pickle = pickle_at(&mut source, at, len)?;
    let storages_at = Some(at + pickle.len() as u64);
    Ok((Container::flat(source, len, storages_at), pickle))
}

/// The same for a file whose pickle has no invalid operation.
pub(super) fn open_valid<R: Read + Seek>(source: R, len: u64) -> Result<(Container<R>, Vec<u8>)> {
    let (container, pickle) = open(source, len)?;
    unpickled(&pickle)?;
    Ok((container, pickle))
}

fn is_magic(pickle: &[u8]) -> Result<bool> {
    let unpickled = unpickle_with_problems(pickle, MemoryBudget::new(pickle.len(), 0));
    let unpickled = unpickled.map_err(|(at, problem)| Error::Pickle { at, problem })?;
    Ok(matches!(unpickled.root, Object::BigInt(index) if unpickled.arena.bytes(index) == MAGIC))
}

pub(super) fn unpickled(pickle: &[u8]) -> Result<Unpickled<'_>> {
    unpickle(pickle, MemoryBudget::new(pickle.len(), 0)).map_err(|(at, problem)| Error::Pickle { at, problem })
}

/// Reads the list of keys at position `at`, and the position of each storage.
pub(super) fn locate_storages<R: Read + Seek>(
    source: &mut R,
    at: u64,
    len: u64,
    value: &Unpickled<'_>,
) -> Result<HashMap<String, Extent>> {
    // The class of a storage is only in the references to it. Without the class, its length is not known.
    let mut sizes = HashMap::new();
    for &id in value.arena.persistent_ids() {
        if let Ok(Some(id)) = storage_id(&value.arena, id) {
            sizes.insert(id.key, id.dtype.size() as u64);
        }
    }
    let keys = pickle_at(source, at, len)?;
    let broken = |problem| Error::Pickle { at: 0, problem };
    let list = unpickled(&keys)?;
    let Object::Container(index) = list.root else {
        return Err(broken(PickleProblem::Operand("the list of storages")));
    };
    let list_of_keys = list.arena.container(index);
    if list_of_keys.kind != ContainerKind::List {
        return Err(broken(PickleProblem::Operand("the list of storages")));
    }
    let (mut extents, mut at) = (HashMap::new(), at + keys.len() as u64);
    for &key in &list_of_keys.items {
        let key = list.arena.as_str(key).ok_or(PickleProblem::PersistentId).map_err(broken)?;
        let size = *sizes.get(key).ok_or_else(|| broken(PickleProblem::NoRecord(crate::error::excerpt(key))))?;
        let extent = extent_at(source, at, size, len)?;
        at = extent.start + extent.len;
        extents.insert(key.to_owned(), extent);
    }
    Ok(extents)
}

/// The storage at position `at`: a number of elements of `size` bytes each, and the elements.
pub(super) fn extent_at<R: Read + Seek>(source: &mut R, at: u64, size: u64, end: u64) -> Result<Extent> {
    let start = at + 8;
    let bytes = u64::try_from(i64_at(source, at)?).ok().and_then(|elements| elements.checked_mul(size));
    bytes
        .filter(|&bytes| bytes <= end.saturating_sub(start))
        .map(|len| Extent { start, len })
        .ok_or(Error::Archive { record: None, problem: crate::ArchiveProblem::NoEnd })
}
