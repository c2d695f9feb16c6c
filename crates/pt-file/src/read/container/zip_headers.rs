//! The headers of a zip archive: of a record, and in the directory.

use crate::zip_format::{IN_ZIP64, ZIP64_EXTRA, signature};

/// The position of a record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record {
    pub(super) header: u64,
    pub(super) size: u64,
    pub(super) compressed_size: u64,
    pub(super) method: u16,
    pub(super) crc: u32,
    /// The start of the next part of the file.
    pub(super) end: u64,
}

/// The fields of a local header that the reader uses.
pub(super) struct LocalHeader {
    pub(super) flags: u16,
    pub(super) method: u16,
    pub(super) name_len: u64,
    pub(super) extra_len: u64,
}

impl LocalHeader {
    pub(super) fn parse(fields: &mut FieldReader<'_>) -> Option<LocalHeader> {
        let has_signature = fields.u32()? == signature::LOCAL_HEADER;
        let _version = fields.u16()?;
        let (flags, method) = (fields.u16()?, fields.u16()?);
        fields.take(16)?; // time, checksum and sizes: libtorch writes them after the data, so the directory's are used
        let (name_len, extra_len) = (fields.u16()?.into(), fields.u16()?.into());
        has_signature.then_some(LocalHeader { flags, method, name_len, extra_len })
    }
}

/// An entry of the directory.
pub(super) struct Entry<'a> {
    pub(super) flags: u16,
    pub(super) name: &'a [u8],
    pub(super) record: Record,
}

impl<'a> Entry<'a> {
    pub(super) fn parse(fields: &mut FieldReader<'a>) -> Option<Entry<'a>> {
        let has_signature = fields.u32()? == signature::CENTRAL_HEADER;
        let _versions = fields.u32()?;
        let (flags, method, _time) = (fields.u16()?, fields.u16()?, fields.u32()?);
        let (crc, compressed_size, size) = (fields.u32()?, fields.u32()?, fields.u32()?);
        let (name_len, extra_len, comment_len) = (fields.u16()?, fields.u16()?, fields.u16()?);
        let (disk, _attributes, header) = (fields.u16()?, fields.take(6)?, fields.u32()?);
        let name = fields.take(name_len.into())?;
        let mut wide = zip64_extra(fields.take(extra_len.into())?)?;
        fields.take(comment_len.into())?;
        let mut widen = |n: u32| if n == IN_ZIP64 { wide.u64() } else { Some(n.into()) };
        let (size, compressed_size, header) = (widen(size)?, widen(compressed_size)?, widen(header)?);
        let record = Record { header, size, compressed_size, method, crc, end: 0 };
        (has_signature && disk == 0).then_some(Entry { flags, name, record })
    }
}

/// The content of the zip64 extra field; empty if there is none.
fn zip64_extra(extra: &[u8]) -> Option<FieldReader<'_>> {
    let mut fields = FieldReader(extra);
    while !fields.0.is_empty() {
        let (id, len) = (fields.u16()?, fields.u16()?);
        let content = fields.take(len.into())?;
        if id == ZIP64_EXTRA {
            return Some(FieldReader(content));
        }
    }
    Some(fields)
}

/// Reads consecutive little-endian numbers; `None` at the end.
pub(super) struct FieldReader<'a>(pub(super) &'a [u8]);

impl<'a> FieldReader<'a> {
    pub(super) fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
}
