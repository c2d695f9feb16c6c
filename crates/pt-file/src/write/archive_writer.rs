//! Writes a zip archive of uncompressed records, front to back.
//!
//! The `zip` crate would need `Seek` and ten packages for features that checkpoints must not have. The tests use it to
//! check this module.

use std::io::{self, Write};

use crate::zip_format::{IN_ZIP64, IN_ZIP64_16, LOCAL_HEADER_LEN, ZIP64_EXTRA, signature};

/// The data of each record starts at a multiple of this, so that tensors can use a memory-mapped file directly.
pub(super) const ALIGNMENT: u64 = 64;

/// The extra field with the padding for the alignment. The id and the content are libtorch's.
const PADDING_EXTRA: u16 = u16::from_le_bytes(*b"FB");
const PADDING_BYTE: u8 = b'Z';

/// 1 January 1980, the first date of the zip format. A constant date makes equal values equal files.
const DATE: u16 = (1 << 5) | 1;

const EXTRA_HEADER_LEN: u64 = 4;

/// The zip versions that a reader must support: 1.0, or 4.5 for zip64.
const VERSION_PLAIN: u16 = 10;
const VERSION_ZIP64: u16 = 45;

/// A zip archive that is being written.
pub(super) struct ArchiveWriter<W> {
    out: W,
    position: u64,
    central: FieldWriter, // the central directory
    records: u64,
    name_hash: crc32fast::Hasher,
    content_hash: crc32fast::Hasher,
}

impl<W: Write> ArchiveWriter<W> {
    /// Starts an archive at the current position of `out`.
    pub(super) fn new(out: W) -> ArchiveWriter<W> {
        let hash = crc32fast::Hasher::new;
        let central = FieldWriter::default();
        ArchiveWriter { out, position: 0, central, records: 0, name_hash: hash(), content_hash: hash() }
    }

    /// Appends a record.
    pub(super) fn add_record(&mut self, name: &str, data: &[u8]) -> io::Result<()> {
        let name_len = u16::try_from(name.len()).map_err(io::Error::other)?;
        let (offset, size, crc) = (self.position, data.len() as u64, crc32fast::hash(data));
        self.name_hash.update(name.as_bytes());
        self.content_hash.update(&crc.to_le_bytes());

        let extra = local_extra(offset + LOCAL_HEADER_LEN + u64::from(name_len), size);
        let mut header = FieldWriter::default();
        header.u32(signature::LOCAL_HEADER);
        header.common(size >= IN_ZIP64.into(), crc, size, name_len, extra.0.len() as u16);
        self.write(&header.0)?;
        self.write(name.as_bytes())?;
        self.write(&extra.0)?;
        self.write(data)?;

        let extra = central_extra(size, offset);
        self.central.u32(signature::CENTRAL_HEADER);
        self.central.u16(VERSION_ZIP64); // the version of the program that made the file
        self.central.common(!extra.0.is_empty(), crc, size, name_len, extra.0.len() as u16);
        self.central.zeros(10); // comment, disk, internal and external attributes
        self.central.u32(or_in_zip64(offset));
        self.central.bytes(name.as_bytes());
        self.central.bytes(&extra.0);
        self.records += 1;
        Ok(())
    }

    /// The serialization id: 40 digits from a hash of the names and contents so far. libtorch only logs it.
    pub(super) fn serialization_id(&self) -> String {
        format!("{:020}{:020}", self.name_hash.clone().finalize(), self.content_hash.clone().finalize())
    }

    /// Completes the archive with the central directory and the end records.
    pub(super) fn finish(mut self) -> io::Result<()> {
        let (start, central) = (self.position, std::mem::take(&mut self.central.0));
        self.write(&central)?;
        let size = central.len() as u64;
        if self.records >= IN_ZIP64_16.into() || start >= IN_ZIP64.into() || size >= IN_ZIP64.into() {
            let end = zip64_end(self.records, size, start, self.position);
            self.write(&end.0)?;
        }
        let mut end = FieldWriter::default();
        end.u32(signature::END);
        end.zeros(4); // number of this disk, and of the directory's disk
        let count = u16::try_from(self.records).unwrap_or(IN_ZIP64_16);
        end.u16(count); // on this disk
        end.u16(count); // in total
        end.u32(or_in_zip64(size));
        end.u32(or_in_zip64(start));
        end.u16(0); // length of the comment
        self.write(&end.0)?;
        self.out.flush()
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.position += bytes.len() as u64;
        Ok(())
    }
}

/// The extra fields of a local header. They start at position `at` and end at a multiple of [`ALIGNMENT`].
fn local_extra(at: u64, size: u64) -> FieldWriter {
    let mut extra = FieldWriter::default();
    if size >= IN_ZIP64.into() {
        extra.u16(ZIP64_EXTRA);
        extra.u16(16);
        extra.u64(size); // uncompressed
        extra.u64(size); // compressed
    }
    let data = at + extra.0.len() as u64 + EXTRA_HEADER_LEN;
    let padding = data.next_multiple_of(ALIGNMENT) - data;
    extra.u16(PADDING_EXTRA);
    extra.u16(padding as u16);
    extra.bytes(&[PADDING_BYTE; ALIGNMENT as usize][..padding as usize]);
    extra
}

/// The extra field of a central header, with the values that do not fit in its 32-bit fields; empty if all fit.
fn central_extra(size: u64, offset: u64) -> FieldWriter {
    let mut wide = FieldWriter::default();
    if size >= IN_ZIP64.into() {
        wide.u64(size);
        wide.u64(size);
    }
    if offset >= IN_ZIP64.into() {
        wide.u64(offset);
    }
    let mut extra = FieldWriter::default();
    if !wide.0.is_empty() {
        extra.u16(ZIP64_EXTRA);
        extra.u16(wide.0.len() as u16);
        extra.bytes(&wide.0);
    }
    extra
}

/// The zip64 end record, at position `at`, and its locator.
fn zip64_end(records: u64, central_size: u64, central_start: u64, at: u64) -> FieldWriter {
    let mut end = FieldWriter::default();
    end.u32(signature::ZIP64_END);
    end.u64(44); // length of the rest of this record
    end.u16(VERSION_ZIP64);
    end.u16(VERSION_ZIP64);
    end.zeros(8); // number of this disk, and of the directory's disk
    end.u64(records);
    end.u64(records);
    end.u64(central_size);
    end.u64(central_start);

    end.u32(signature::ZIP64_LOCATOR);
    end.zeros(4); // disk
    end.u64(at);
    end.u32(1); // number of disks
    end
}

/// `n`, or the marker for a value in a zip64 field.
fn or_in_zip64(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(IN_ZIP64)
}

/// Collects consecutive little-endian numbers.
#[derive(Default)]
struct FieldWriter(Vec<u8>);

impl FieldWriter {
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn zeros(&mut self, count: usize) {
        self.0.resize(self.0.len() + count, 0);
    }

    fn u16(&mut self, n: u16) {
        self.bytes(&n.to_le_bytes());
    }

    fn u32(&mut self, n: u32) {
        self.bytes(&n.to_le_bytes());
    }

    fn u64(&mut self, n: u64) {
        self.bytes(&n.to_le_bytes());
    }

    /// The fields that local and central headers share, from the version to the lengths.
    fn common(&mut self, zip64: bool, crc: u32, size: u64, name_len: u16, extra_len: u16) {
        self.u16(if zip64 { VERSION_ZIP64 } else { VERSION_PLAIN });
        self.zeros(6); // no flags, method 0 (not compressed), midnight
        self.u16(DATE);
        self.u32(crc);
        self.u32(or_in_zip64(size)); // compressed
        self.u32(or_in_zip64(size)); // uncompressed
        self.u16(name_len);
        self.u16(extra_len);
    }
}
