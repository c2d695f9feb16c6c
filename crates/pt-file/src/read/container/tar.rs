//! The format of `torch.save` of 0.1: an uncompressed tar archive with the members `storages`, `tensors` and `pickle`.
//!
//! A tar crate would bring links, permissions and extraction, which a reader of four members must not have.

use std::collections::HashMap;
use std::io::{Read, Seek};

use super::super::build::storage_dtype;
use super::super::pickle::Object;
use super::legacy::{extent_at, unpickled};
use super::source::{i64_at, pickle_at, read_at};
use super::{Container, Extent, External, Kind, StorageReference};
use crate::{ArchiveProblem, DType, Error, PickleProblem, Result, StridedView};

/// The length of a header. Data is padded to a multiple of it.
const BLOCK: u64 = 512;

/// The limit on the number of members. torch writes four.
const MAX_MEMBERS: usize = 1000;

/// Name and length of a member.
pub(super) struct Header {
    name: String,
    len: u64,
}

impl Header {
    /// `None` if the checksum is wrong.
    pub(super) fn parse(block: &[u8]) -> Option<Header> {
        let block: &[u8; BLOCK as usize] = block.first_chunk()?;
        let octal = |field: &[u8]| {
            let text = std::str::from_utf8(field).ok()?;
            u64::from_str_radix(text.trim_matches(['\0', ' ']), 8).ok()
        };
        let sum: u64 = block.iter().map(|&byte| u64::from(byte)).sum();
        let without_checksum =
            sum - block[148..156].iter().map(|&byte| u64::from(byte)).sum::<u64>() + 8 * u64::from(b' ');
        if octal(&block[148..156])? != without_checksum {
            return None;
        }
        // A length of more than 11 octal digits is binary and big-endian.
        let len = if block[124] & 0x80 == 0 {
            octal(&block[124..136])?
        } else {
            u64::from_be_bytes(*block[124..136].last_chunk()?)
        };
        let name: Vec<u8> = block[..100].iter().copied().take_while(|&byte| byte != 0).collect();
        let name = String::from_utf8(name).ok()?;
        Some(Header { name: name.trim_start_matches("./").to_owned(), len })
    }
}

pub(super) fn open<R: Read + Seek>(mut source: R, len: u64) -> Result<(Container<R>, Vec<u8>)> {
    let members = members(&mut source, len)?;
    let member = |name: &str| {
        let missing = Error::Archive { record: Some(name.to_owned()), problem: ArchiveProblem::Missing };
        members.get(name).copied().ok_or(missing)
    };
    let (storages, tensors, pickle) = (member("storages")?, member("tensors")?, member("pickle")?);
    let mut items = Items { source: &mut source, at: storages.start, end: storages.start + storages.len };
    let (extents, storages) = items.storages()?;
    items = Items { source: &mut source, at: tensors.start, end: tensors.start + tensors.len };
    let tensors = items.tensors(&storages)?;
    let mut externals: HashMap<_, _> =
        storages.into_iter().map(|(key, storage)| (key, External::Storage(storage))).collect();
    externals.extend(tensors);
    let pickle = pickle_at(&mut source, pickle.start, pickle.start + pickle.len)?;
    let kind = Kind::Flat { source, len, extents, storages_at: None };
    Ok((Container { kind, is_big_endian: false, externals }, pickle))
}

fn members<R: Read + Seek>(source: &mut R, len: u64) -> Result<HashMap<String, Extent>> {
    let (mut members, mut at) = (HashMap::new(), 0);
    while at + BLOCK <= len && members.len() < MAX_MEMBERS {
        let Some(header) = Header::parse(&read_at(source, at, BLOCK)?) else { break };
        let start = at + BLOCK;
        if header.len > len - start {
            return Err(Error::Archive { record: Some(header.name), problem: ArchiveProblem::NoEnd });
        }
        at = start + header.len.next_multiple_of(BLOCK);
        members.insert(header.name, Extent { start, len: header.len });
    }
    Ok(members)
}

/// Reads the items of a member, front to back.
struct Items<'r, R> {
    source: &'r mut R,
    at: u64,
    end: u64,
}

impl<R: Read + Seek> Items<'_, R> {
    fn pickle(&mut self) -> Result<Vec<u8>> {
        let pickle = pickle_at(self.source, self.at, self.end)?;
        self.at += pickle.len() as u64;
        Ok(pickle)
    }

    fn number(&mut self) -> Result<i64> {
        if self.end.saturating_sub(self.at) < 8 {
            return Err(Error::Archive { record: None, problem: ArchiveProblem::NoEnd });
        }
        let number = i64_at(self.source, self.at)?;
        self.at += 8;
        Ok(number)
    }

    /// A pickled count of items.
    fn count(&mut self) -> Result<i64> {
        let pickle = self.pickle()?;
        if let Object::Int(count) = unpickled(&pickle)?.root { Ok(count) } else { Err(broken()) }
    }

    /// A pickled tuple of a key, of something else, and of a class.
    fn item(&mut self) -> Result<(String, String, Option<DType>)> {
        let pickle = self.pickle()?;
        let item = unpickled(&pickle)?;
        let Some(&[key, other, class]) = item.arena.as_tuple(item.root) else { return Err(broken()) };
        let text = |object| match object {
            Object::Int(number) => Ok(number.to_string()),
            _ => item.arena.as_str(object).map(str::to_owned).ok_or_else(broken),
        };
        Ok((text(key)?, text(other)?, storage_dtype(&item.arena, class)))
    }

    /// The positions of the storages, and the storages by key.
    #[allow(clippy::type_complexity)]
    fn storages(&mut self) -> Result<(HashMap<String, Extent>, HashMap<String, StorageReference>)> {
        let (mut extents, mut storages) = (HashMap::new(), HashMap::new());
        for _ in 0..self.count()? {
            let (record, location, dtype) = self.item()?;
            let dtype = dtype.ok_or_else(broken)?;
            let extent = extent_at(self.source, self.at, dtype.size() as u64, self.end)?;
            self.at = extent.start + extent.len;
            extents.insert(record.clone(), extent);
            let elements = extent.len as usize / dtype.size();
            storages
                .insert(record.clone(), StorageReference { record, dtype, start: 0, elements, location, inline: None });
        }
        self.views(&mut storages)?;
        Ok((extents, storages))
    }

    /// Adds the storages that are views of others: a list of `(view, root, offset, number of elements)`.
    fn views(&mut self, storages: &mut HashMap<String, StorageReference>) -> Result<()> {
        let pickle = self.pickle()?;
        let list = unpickled(&pickle)?;
        let Object::Container(index) = list.root else { return Err(broken()) };
        for &view in &list.arena.container(index).items {
            let Some(&[Object::Int(view), Object::Int(root), Object::Int(offset), Object::Int(elements)]) =
                list.arena.as_tuple(view)
            else {
                return Err(broken());
            };
            let root = storages.get(&root.to_string()).ok_or_else(broken)?;
            let (start, elements) = (usize::try_from(offset), usize::try_from(elements));
            let (Ok(start), Ok(elements)) = (start, elements) else { return Err(broken()) };
            if start.checked_add(elements).is_none_or(|end| end > root.elements) {
                return Err(broken());
            }
            let view_of_root = StorageReference { start: root.start + start, elements, ..root.clone() };
            storages.insert(view.to_string(), view_of_root);
        }
        Ok(())
    }

    fn tensors(&mut self, storages: &HashMap<String, StorageReference>) -> Result<HashMap<String, External>> {
        let mut tensors = HashMap::new();
        for _ in 0..self.count()? {
            let (key, storage, _class) = self.item()?;
            let storage = storages.get(&storage).ok_or_else(broken)?;
            let dims = self.number()? as i32; // in the low half; torch ignores the other
            let dims =
                usize::try_from(dims).ok().filter(|&dims| dims <= crate::strided_view::MAX_DIMS).ok_or_else(broken)?;
            let mut sizes = || (0..dims).map(|_| usize::try_from(self.number()?).map_err(|_| broken())).collect();
            let (shape, strides): (Result<Vec<usize>>, Result<Vec<usize>>) = (sizes(), sizes());
            let offset = usize::try_from(self.number()?).map_err(|_| broken())?;
            let view = StridedView::new(storage.dtype, &shape?, &strides?, offset)?;
            tensors.insert(key, External::Tensor(storage.clone(), view));
        }
        Ok(tensors)
    }
}

fn broken() -> Error {
    Error::Pickle { at: 0, problem: PickleProblem::Operand("a tar member") }
}
