//! Reads the directory of a zip archive, and its records on demand.
//!
//! Records must not overlap, and their two headers must agree, so that different programs read the same content from a
//! file. `torch.save` does not compress records, but an archive that was unpacked and packed again can be deflated. Then
//! the content is at most [`expansion_limit`](super::expansion_limit) bytes long.

use std::io::{self, Read, Seek, SeekFrom};

use indexmap::IndexMap;

use super::source::{out_of_memory, read_at, read_blocks};
use super::zip_headers::{Entry, FieldReader, LocalHeader, Record};
use crate::zip_format::{IN_ZIP64, IN_ZIP64_16, LOCAL_HEADER_LEN, signature};
use crate::{ArchiveProblem, Error, Result};

const END_LEN: u64 = 22;
const LOCATOR_LEN: u64 = 20;
const ZIP64_END_LEN: u64 = 56;

/// The limit on the size of the directory: enough for a million records.
const MAX_DIRECTORY: u64 = 128 << 20;

/// The longest comment after the end record. libtorch accepts as many bytes of anything.
const MAX_COMMENT: u64 = u16::MAX as u64;

/// Flags that do not matter: the level of compression, sizes after the data (libtorch sets it), names in UTF-8.
const IGNORED_FLAGS: u16 = 0b11 << 1 | 1 << 3 | 1 << 11;

/// Zip's numbers of compression methods.
const STORED: u16 = 0;
const DEFLATED: u16 = 8;

/// An open zip archive.
#[derive(Debug)]
pub(super) struct ArchiveReader<R> {
    source: R,
    len: u64,
    records: IndexMap<String, Record>,
    /// The bytes that were inflated.
    inflated: u64,
}

impl<R: Read + Seek> ArchiveReader<R> {
    /// Reads only the directory.
    pub(super) fn new(mut source: R) -> Result<ArchiveReader<R>> {
        let len = source.seek(SeekFrom::End(0))?;
        let (start, size, count) = find_directory(&mut source, len)?;
        let directory = read_at(&mut source, start, size)?;
        let mut records = parse_directory(&directory, count)?;
        find_ends(&mut records, start)?;
        Ok(ArchiveReader { source, len, records, inflated: 0 })
    }

    /// The length of the file.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// The names of the records, in the order of the directory.
    pub(super) fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.records.keys().map(String::as_str)
    }

    /// The length of a record, or `None` if it does not exist.
    pub(super) fn size(&self, name: &str) -> Option<u64> {
        self.records.get(name).map(|record| record.size)
    }

    /// Reads a record of at most `limit` bytes.
    pub(super) fn read(&mut self, name: &str, limit: u64) -> Result<Vec<u8>> {
        let problem = |problem| Error::Archive { record: Some(name.to_owned()), problem };
        let record = *self.records.get(name).ok_or_else(|| problem(ArchiveProblem::Missing))?;
        if record.size > limit {
            return Err(problem(ArchiveProblem::TooLarge { bytes: record.size, limit }));
        }
        let header = read_at(&mut self.source, record.header, LOCAL_HEADER_LEN)?;
        let mut fields = FieldReader(&header);
        let local =
            LocalHeader::parse(&mut fields).ok_or_else(|| problem(ArchiveProblem::Broken("invalid local header")))?;
        let local_name = read_at(&mut self.source, record.header + LOCAL_HEADER_LEN, local.name_len)?;
        let start = record.header + LOCAL_HEADER_LEN + local.name_len + local.extra_len;
        if local_name != name.as_bytes() || local.method != record.method || local.flags & !IGNORED_FLAGS != 0 {
            return Err(problem(ArchiveProblem::Broken("its two headers differ")));
        }
        if start.checked_add(record.compressed_size).is_none_or(|end| end > record.end) {
            return Err(problem(ArchiveProblem::Overlap));
        }
        let mut checksum = crc32fast::Hasher::new();
        let data = if record.method == STORED {
            read_blocks(&mut self.source, start, record.size, |block| checksum.update(block))?
        } else {
            let data = self.inflate(start, record).map_err(|error| match error {
                Error::Archive { record: None, problem: inner } => problem(inner),
                other => other,
            })?;
            checksum.update(&data);
            data
        };
        // With torch.serialization.set_crc32_options(False), the checksum is 0: not computed.
        if record.crc != 0 && checksum.finalize() != record.crc {
            return Err(problem(ArchiveProblem::Checksum));
        }
        Ok(data)
    }

    /// Reads a deflated record. `start` is the position of its data.
    fn inflate(&mut self, start: u64, record: Record) -> Result<Vec<u8>> {
        let limit = super::expansion_limit(self.len);
        self.inflated = self.inflated.saturating_add(record.size);
        if self.inflated > limit {
            return Err(archive_error(ArchiveProblem::TooLarge { bytes: self.inflated, limit }));
        }
        self.source.seek(SeekFrom::Start(start))?;
        let len = usize::try_from(record.size).map_err(|_| out_of_memory(usize::MAX))?;
        let mut data = Vec::new();
        data.try_reserve_exact(len).map_err(|_| out_of_memory(len))?;
        let compressed = self.source.by_ref().take(record.compressed_size);
        let inflated = flate2::read::DeflateDecoder::new(compressed).take(record.size + 1).read_to_end(&mut data);
        match inflated {
            Err(error) if !matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof) => {
                Err(error.into())
            }
            Ok(read) if read == len => Ok(data),
            _ => Err(broken("the compressed data is damaged")),
        }
    }
}

/// Start, size and number of entries of the central directory.
fn find_directory<R: Read + Seek>(source: &mut R, len: u64) -> Result<(u64, u64, u64)> {
    let signature = signature::END.to_le_bytes();
    let mut tail_start = len.checked_sub(END_LEN).ok_or_else(|| archive_error(ArchiveProblem::NoEnd))?;
    let mut tail = read_at(source, tail_start, END_LEN)?;
    if !tail.starts_with(&signature) {
        tail_start = tail_start.saturating_sub(MAX_COMMENT);
        tail = read_at(source, tail_start, len - tail_start)?;
    }
    let last = tail.windows(END_LEN as usize).rposition(|window| window.starts_with(&signature));
    let last = last.ok_or_else(|| archive_error(ArchiveProblem::NoEnd))?;
    let at = tail_start + last as u64;
    let parse = |end: &[u8]| {
        let mut fields = FieldReader(end);
        let (_signature, disks, count_on_disk, count) = (fields.u32()?, fields.u32()?, fields.u16()?, fields.u16()?);
        let (size, start) = (fields.u32()?, fields.u32()?);
        (disks == 0 && count_on_disk == count).then_some((start, size, count))
    };
    let (start, size, count) = parse(&tail[last..]).ok_or_else(|| archive_error(ArchiveProblem::NoEnd))?;
    let wide = start == IN_ZIP64 || size == IN_ZIP64 || count == IN_ZIP64_16;
    let (start, size, count, end_record) = match find_zip64_directory(source, at)? {
        Some(found) => found,
        None if wide => return Err(broken("the zip64 end record is missing")),
        None => (start.into(), size.into(), count.into(), at),
    };
    if start.checked_add(size) != Some(end_record) {
        return Err(broken("the directory is not at the position in the end record"));
    }
    if size > MAX_DIRECTORY {
        return Err(archive_error(ArchiveProblem::TooLarge { bytes: size, limit: MAX_DIRECTORY }));
    }
    Ok((start, size, count))
}

/// The same from the zip64 end record, if there is one, and the position of that record. `end` is the position of the
/// plain end record.
fn find_zip64_directory<R: Read + Seek>(source: &mut R, end: u64) -> Result<Option<(u64, u64, u64, u64)>> {
    let Some(at) = end.checked_sub(LOCATOR_LEN + ZIP64_END_LEN) else { return Ok(None) };
    let bytes = read_at(source, at, LOCATOR_LEN + ZIP64_END_LEN)?;
    if !bytes[ZIP64_END_LEN as usize..].starts_with(&signature::ZIP64_LOCATOR.to_le_bytes()) {
        return Ok(None);
    }
    let parse = || {
        let mut fields = FieldReader(&bytes);
        let has_signature = fields.u32()? == signature::ZIP64_END && fields.u64()? == ZIP64_END_LEN - 12;
        let (_versions, disks) = (fields.u32()?, fields.u64()?);
        let (count_on_disk, count) = (fields.u64()?, fields.u64()?);
        let (size, start) = (fields.u64()?, fields.u64()?);
        let (_locator, disk, located) = (fields.u32()?, fields.u32()?, fields.u64()?);
        let is_valid = has_signature && disks == 0 && disk == 0 && count_on_disk == count && located == at;
        is_valid.then_some((start, size, count, at))
    };
    parse().map(Some).ok_or_else(|| broken("invalid zip64 end record"))
}

fn parse_directory(directory: &[u8], count: u64) -> Result<IndexMap<String, Record>> {
    let mut fields = FieldReader(directory);
    let mut records = IndexMap::new();
    while !fields.0.is_empty() {
        let entry = Entry::parse(&mut fields).ok_or_else(|| broken("invalid directory entry"))?;
        let name = std::str::from_utf8(entry.name).map_err(|_| broken("a name is not UTF-8"))?;
        let problem = |problem| Error::Archive { record: Some(name.to_owned()), problem };
        if entry.flags & !IGNORED_FLAGS != 0 {
            return Err(problem(ArchiveProblem::Flags(entry.flags)));
        }
        match entry.record.method {
            STORED if entry.record.compressed_size != entry.record.size => {
                return Err(problem(ArchiveProblem::Broken("an uncompressed record has two sizes")));
            }
            STORED | DEFLATED => {}
            method => return Err(problem(ArchiveProblem::Compressed(method))),
        }
        if records.insert(name.to_owned(), entry.record).is_some() {
            return Err(problem(ArchiveProblem::Duplicate));
        }
    }
    if records.len() as u64 != count {
        return Err(broken("wrong number of records"));
    }
    Ok(records)
}

/// Sets `Record::end` of each record: the start of the next record, or of the directory.
fn find_ends(records: &mut IndexMap<String, Record>, directory: u64) -> Result<()> {
    let mut by_position: Vec<(&String, &mut Record)> = records.iter_mut().collect();
    by_position.sort_by_key(|(_, record)| record.header);
    let mut next = directory;
    for (name, record) in by_position.into_iter().rev() {
        record.end = next;
        next = record.header;
        let least =
            record.compressed_size.checked_add(LOCAL_HEADER_LEN).and_then(|least| record.header.checked_add(least));
        if least.is_none_or(|least| least > record.end) {
            return Err(Error::Archive { record: Some(name.clone()), problem: ArchiveProblem::Overlap });
        }
    }
    Ok(())
}

fn archive_error(problem: ArchiveProblem) -> Error {
    Error::Archive { record: None, problem }
}

fn broken(what: &'static str) -> Error {
    archive_error(ArchiveProblem::Broken(what))
}
