//! The directory of a zip archive, and its records on demand.
//!
//! Every record must be what `torch.save` writes: stored, alone in its bytes, and described alike by both headers. So
//! no two programs can read two different things from one file, and no file holds more than its length.

use std::io::{Read, Seek, SeekFrom};

use indexmap::IndexMap;

use crate::zip::{IN_ZIP64, IN_ZIP64_16, ZIP64_EXTRA, signature};
use crate::{Error, Result};

use super::problem::ArchiveProblem;

const END_LEN: u64 = 22;
const LOCATOR_LEN: u64 = 20;
const ZIP64_END_LEN: u64 = 56;
const LOCAL_HEADER_LEN: u64 = 30;

/// Room for a million records.
const MAX_DIRECTORY: u64 = 128 << 20;

/// How much of a record is read at a time.
const PART: usize = 256 << 10;

/// Flags without consequence for a stored record: sizes after the data (libtorch writes it so), names in UTF-8.
const HARMLESS_FLAGS: u16 = 1 << 3 | 1 << 11;

/// Where a record is.
#[derive(Debug, Clone, Copy)]
struct Record {
    header: u64,
    size: u64,
    crc: u32,
    /// the start of whatever comes next in the file
    end: u64,
}

/// An archive that is being read.
#[derive(Debug)]
pub(super) struct Archive<R> {
    source: R,
    len: u64,
    records: IndexMap<String, Record>,
}

impl<R: Read + Seek> Archive<R> {
    /// Reads the directory, and nothing else.
    pub(super) fn new(mut source: R) -> Result<Archive<R>> {
        let len = source.seek(SeekFrom::End(0))?;
        let (start, size, count) = find_directory(&mut source, len)?;
        let directory = read_at(&mut source, start, size)?;
        let mut records = parse_directory(&directory, count)?;
        find_ends(&mut records, start)?;
        Ok(Archive { source, len, records })
    }

    /// The length of the file.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// The names of the records, as they stand in the directory.
    pub(super) fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.records.keys().map(String::as_str)
    }

    /// The length of a record, if there is one of this name.
    pub(super) fn size(&self, name: &str) -> Option<u64> {
        self.records.get(name).map(|record| record.size)
    }

    /// The content of a record.
    pub(super) fn read(&mut self, name: &str, limit: u64) -> Result<Vec<u8>> {
        let problem = |problem| Error::Archive { record: Some(name.to_owned()), problem };
        let record = *self.records.get(name).ok_or_else(|| problem(ArchiveProblem::Missing))?;
        if record.size > limit {
            return Err(problem(ArchiveProblem::TooLarge { bytes: record.size, limit }));
        }
        let header = read_at(&mut self.source, record.header, LOCAL_HEADER_LEN)?;
        let mut fields = Fields(&header);
        let local = LocalHeader::parse(&mut fields).ok_or_else(|| problem(ArchiveProblem::Broken("local header")))?;
        let local_name = read_at(&mut self.source, record.header + LOCAL_HEADER_LEN, local.name_len)?;
        let start = record.header + LOCAL_HEADER_LEN + local.name_len + local.extra_len;
        if local_name != name.as_bytes() || local.method != 0 || local.flags & !HARMLESS_FLAGS != 0 {
            return Err(problem(ArchiveProblem::Broken("its two headers differ")));
        }
        if start.checked_add(record.size).is_none_or(|end| end > record.end) {
            return Err(problem(ArchiveProblem::Overlap));
        }
        let mut checksum = crc32fast::Hasher::new();
        let data = read_through(&mut self.source, start, record.size, |part| checksum.update(part))?;
        if checksum.finalize() != record.crc {
            return Err(problem(ArchiveProblem::Checksum));
        }
        Ok(data)
    }
}

/// Start, size and number of entries of the central directory.
fn find_directory<R: Read + Seek>(source: &mut R, len: u64) -> Result<(u64, u64, u64)> {
    let at = len.checked_sub(END_LEN).ok_or_else(|| broken(ArchiveProblem::NoEnd))?;
    let end = read_at(source, at, END_LEN)?;
    let parse = |end: &[u8]| {
        let mut fields = Fields(end);
        let signed = fields.u32()? == signature::END;
        let (disks, here, all) = (fields.u32()?, fields.u16()?, fields.u16()?);
        let (size, start, comment) = (fields.u32()?, fields.u32()?, fields.u16()?);
        (signed && disks == 0 && here == all && comment == 0).then_some((start, size, all))
    };
    let (start, size, count) = parse(&end).ok_or_else(|| broken(ArchiveProblem::NoEnd))?;
    let wide = start == IN_ZIP64 || size == IN_ZIP64 || count == IN_ZIP64_16;
    let (start, size, count, behind) = match find_zip64_directory(source, at)? {
        Some(found) => found,
        None if wide => return Err(broken(ArchiveProblem::Broken("no zip64 end record"))),
        None => (start.into(), size.into(), count.into(), at),
    };
    if start.checked_add(size) != Some(behind) {
        return Err(broken(ArchiveProblem::Broken("the directory is not where its end says")));
    }
    if size > MAX_DIRECTORY {
        return Err(broken(ArchiveProblem::TooLarge { bytes: size, limit: MAX_DIRECTORY }));
    }
    Ok((start, size, count))
}

/// The same from the zip64 end record, if there is one, and where that stands. `end` is where the plain one stands.
fn find_zip64_directory<R: Read + Seek>(source: &mut R, end: u64) -> Result<Option<(u64, u64, u64, u64)>> {
    let Some(at) = end.checked_sub(LOCATOR_LEN + ZIP64_END_LEN) else { return Ok(None) };
    let bytes = read_at(source, at, LOCATOR_LEN + ZIP64_END_LEN)?;
    if !bytes[ZIP64_END_LEN as usize..].starts_with(&signature::ZIP64_LOCATOR.to_le_bytes()) {
        return Ok(None);
    }
    let parse = || {
        let mut fields = Fields(&bytes);
        let signed = fields.u32()? == signature::ZIP64_END && fields.u64()? == ZIP64_END_LEN - 12;
        let (_versions, disks) = (fields.u32()?, fields.u64()?);
        let (here, all) = (fields.u64()?, fields.u64()?);
        let (size, start) = (fields.u64()?, fields.u64()?);
        let (_locator, disk, located) = (fields.u32()?, fields.u32()?, fields.u64()?);
        (signed && disks == 0 && disk == 0 && here == all && located == at).then_some((start, size, all, at))
    };
    parse().map(Some).ok_or_else(|| broken(ArchiveProblem::Broken("zip64 end record")))
}

fn parse_directory(directory: &[u8], count: u64) -> Result<IndexMap<String, Record>> {
    let mut fields = Fields(directory);
    let mut records = IndexMap::new();
    while !fields.0.is_empty() {
        let entry = Entry::parse(&mut fields).ok_or_else(|| broken(ArchiveProblem::Broken("directory entry")))?;
        let name = std::str::from_utf8(entry.name).map_err(|_| broken(ArchiveProblem::Broken("name not UTF-8")))?;
        let problem = |problem| Error::Archive { record: Some(name.to_owned()), problem };
        if entry.flags & !HARMLESS_FLAGS != 0 {
            return Err(problem(ArchiveProblem::Flags(entry.flags)));
        }
        if entry.method != 0 {
            let code = name.contains("/code/"); // of the records of a TorchScript archive only these are compressed
            let reason = if code { ArchiveProblem::TorchScript } else { ArchiveProblem::Compressed(entry.method) };
            return Err(problem(reason));
        }
        if entry.stored != entry.record.size {
            return Err(problem(ArchiveProblem::Broken("stored, but of two sizes")));
        }
        if records.insert(name.to_owned(), entry.record).is_some() {
            return Err(problem(ArchiveProblem::Duplicate));
        }
    }
    if records.len() as u64 != count {
        return Err(broken(ArchiveProblem::Broken("number of records")));
    }
    Ok(records)
}

/// Notes for every record where the next part of the file starts. The last ends with the directory.
fn find_ends(records: &mut IndexMap<String, Record>, directory: u64) -> Result<()> {
    let mut by_position: Vec<(&String, &mut Record)> = records.iter_mut().collect();
    by_position.sort_by_key(|(_, record)| record.header);
    let mut next = directory;
    for (name, record) in by_position.into_iter().rev() {
        record.end = next;
        next = record.header;
        let least = record.size.checked_add(LOCAL_HEADER_LEN).and_then(|least| record.header.checked_add(least));
        if least.is_none_or(|least| least > record.end) {
            return Err(Error::Archive { record: Some(name.clone()), problem: ArchiveProblem::Overlap });
        }
    }
    Ok(())
}

/// `len` bytes from position `at`.
fn read_at<R: Read + Seek>(source: &mut R, at: u64, len: u64) -> Result<Vec<u8>> {
    read_through(source, at, len, |_| ())
}

/// The same; `look` is shown part after part, each while the processor's cache still has it.
fn read_through<R: Read + Seek>(source: &mut R, at: u64, len: u64, mut look: impl FnMut(&[u8])) -> Result<Vec<u8>> {
    source.seek(SeekFrom::Start(at))?;
    let room = usize::try_from(len).map_err(|_| Error::OutOfMemory { bytes: usize::MAX })?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(room).map_err(|_| Error::OutOfMemory { bytes: room })?;
    while bytes.len() < room {
        let (start, part) = (bytes.len(), PART.min(room - bytes.len()));
        if source.by_ref().take(part as u64).read_to_end(&mut bytes)? == 0 {
            return Err(broken(ArchiveProblem::NoEnd));
        }
        look(&bytes[start..]);
    }
    Ok(bytes)
}

fn broken(problem: ArchiveProblem) -> Error {
    Error::Archive { record: None, problem }
}

/// What a local header adds to the entry in the directory.
struct LocalHeader {
    flags: u16,
    method: u16,
    name_len: u64,
    extra_len: u64,
}

impl LocalHeader {
    fn parse(fields: &mut Fields<'_>) -> Option<LocalHeader> {
        let signed = fields.u32()? == signature::LOCAL_HEADER;
        let _version = fields.u16()?;
        let (flags, method) = (fields.u16()?, fields.u16()?);
        fields.take(16)?; // time, checksum and sizes: the directory's count, libtorch leaves them to a trailer
        let (name_len, extra_len) = (fields.u16()?.into(), fields.u16()?.into());
        signed.then_some(LocalHeader { flags, method, name_len, extra_len })
    }
}

/// An entry of the directory.
struct Entry<'a> {
    flags: u16,
    method: u16,
    stored: u64,
    name: &'a [u8],
    record: Record,
}

impl<'a> Entry<'a> {
    fn parse(fields: &mut Fields<'a>) -> Option<Entry<'a>> {
        let signed = fields.u32()? == signature::CENTRAL_HEADER;
        let _versions = fields.u32()?;
        let (flags, method, _time) = (fields.u16()?, fields.u16()?, fields.u32()?);
        let (crc, stored, size) = (fields.u32()?, fields.u32()?, fields.u32()?);
        let (name_len, extra_len, comment_len) = (fields.u16()?, fields.u16()?, fields.u16()?);
        let (disk, _attributes, header) = (fields.u16()?, fields.take(6)?, fields.u32()?);
        let name = fields.take(name_len.into())?;
        let mut wide = zip64_extra(fields.take(extra_len.into())?)?;
        let mut widen = |n: u32| if n == IN_ZIP64 { wide.u64() } else { Some(n.into()) };
        let (size, stored, header) = (widen(size)?, widen(stored)?, widen(header)?);
        let record = Record { header, size, crc, end: 0 };
        (signed && disk == 0 && comment_len == 0).then_some(Entry { flags, method, stored, name, record })
    }
}

/// The content of the zip64 field among the extra fields; empty if there is none.
fn zip64_extra(extra: &[u8]) -> Option<Fields<'_>> {
    let mut fields = Fields(extra);
    while !fields.0.is_empty() {
        let (id, len) = (fields.u16()?, fields.u16()?);
        let content = fields.take(len.into())?;
        if id == ZIP64_EXTRA {
            return Some(Fields(content));
        }
    }
    Some(fields)
}

/// Little-endian numbers one after another; `None` at the end.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
}
