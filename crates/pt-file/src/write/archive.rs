//! A zip archive of stored records, written front to back.

use std::io::{self, Write};

use crate::zip::{IN_ZIP64, IN_ZIP64_16, ZIP64_EXTRA, signature};

/// The data of every record starts at a multiple of this, so that a mapped file can be used as a tensor in place.
pub(super) const ALIGNMENT: u64 = 64;

/// The extra field that makes room for the alignment; name and content are libtorch's.
const PADDING_EXTRA: u16 = u16::from_le_bytes(*b"FB");
const PADDING_BYTE: u8 = b'Z';

/// 1 January 1980, the first day that a zip file can name: equal values make equal files on any day.
const DATE: u16 = (1 << 5) | 1;

const LOCAL_HEADER_LEN: u64 = 30;
const EXTRA_HEADER_LEN: u64 = 4;

/// The version of the format that a reader must know: 1.0, or 4.5 for zip64.
const PLAIN: u16 = 10;
const ZIP64: u16 = 45;

/// An archive in the making.
pub(super) struct Archive<W> {
    out: W,
    at: u64,
    central: Fields,
    records: u64,
    names: crc32fast::Hasher,
    contents: crc32fast::Hasher,
}

impl<W: Write> Archive<W> {
    /// Starts an archive at the current position of `out`.
    pub(super) fn new(out: W) -> Archive<W> {
        let hasher = crc32fast::Hasher::new;
        Archive { out, at: 0, central: Fields::default(), records: 0, names: hasher(), contents: hasher() }
    }

    /// Appends a record.
    pub(super) fn record(&mut self, name: &str, data: &[u8]) -> io::Result<()> {
        let name_len = u16::try_from(name.len()).map_err(io::Error::other)?;
        let (offset, size, crc) = (self.at, data.len() as u64, crc32fast::hash(data));
        self.names.update(name.as_bytes());
        self.contents.update(&crc.to_le_bytes());

        let extra = local_extra(offset + LOCAL_HEADER_LEN + u64::from(name_len), size);
        let mut header = Fields::default();
        header.u32(signature::LOCAL_HEADER);
        header.common(size >= IN_ZIP64.into(), crc, size, name_len, extra.0.len() as u16);
        self.write(&header.0)?;
        self.write(name.as_bytes())?;
        self.write(&extra.0)?;
        self.write(data)?;

        let extra = central_extra(size, offset);
        self.central.u32(signature::CENTRAL_HEADER);
        self.central.u16(ZIP64); // made by a program that knows this version
        self.central.common(!extra.0.is_empty(), crc, size, name_len, extra.0.len() as u16);
        self.central.zeros(10); // comment, disk, attributes inside and outside
        self.central.u32(saturated(offset));
        self.central.bytes(name.as_bytes());
        self.central.bytes(&extra.0);
        self.records += 1;
        Ok(())
    }

    /// Forty digits that follow from the names and contents so far. libtorch calls this a serialization id and reports
    /// it to whoever logs what is loaded; it does not check it.
    pub(super) fn id(&self) -> String {
        format!("{:020}{:020}", self.names.clone().finalize(), self.contents.clone().finalize())
    }

    /// Writes the central directory, without which there is no archive.
    pub(super) fn finish(mut self) -> io::Result<()> {
        let (start, central) = (self.at, std::mem::take(&mut self.central.0));
        self.write(&central)?;
        let size = central.len() as u64;
        if self.records >= IN_ZIP64_16.into() || start >= IN_ZIP64.into() || size >= IN_ZIP64.into() {
            let end = zip64_end(self.records, size, start, self.at);
            self.write(&end.0)?;
        }
        let mut end = Fields::default();
        end.u32(signature::END);
        end.zeros(4); // this disk, and that of the central directory
        for _ in ["on this disk", "in all"] {
            end.u16(u16::try_from(self.records).unwrap_or(IN_ZIP64_16));
        }
        end.u32(saturated(size));
        end.u32(saturated(start));
        end.u16(0); // comment
        self.write(&end.0)?;
        self.out.flush()
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.at += bytes.len() as u64;
        Ok(())
    }
}

/// The extra fields of a local header that are to end at a multiple of [`ALIGNMENT`]. They start at `at`.
fn local_extra(at: u64, size: u64) -> Fields {
    let mut extra = Fields::default();
    if size >= IN_ZIP64.into() {
        extra.u16(ZIP64_EXTRA);
        extra.u16(16);
        extra.u64(size); // as it is
        extra.u64(size); // as it is stored
    }
    let data = at + extra.0.len() as u64 + EXTRA_HEADER_LEN;
    let padding = data.next_multiple_of(ALIGNMENT) - data;
    extra.u16(PADDING_EXTRA);
    extra.u16(padding as u16);
    extra.bytes(&[PADDING_BYTE; ALIGNMENT as usize][..padding as usize]);
    extra
}

/// The extra field of a central header: what its 32-bit fields cannot hold, if anything.
fn central_extra(size: u64, offset: u64) -> Fields {
    let mut wide = Fields::default();
    if size >= IN_ZIP64.into() {
        wide.u64(size);
        wide.u64(size);
    }
    if offset >= IN_ZIP64.into() {
        wide.u64(offset);
    }
    let mut extra = Fields::default();
    if !wide.0.is_empty() {
        extra.u16(ZIP64_EXTRA);
        extra.u16(wide.0.len() as u16);
        extra.bytes(&wide.0);
    }
    extra
}

/// The end record of zip64 and its locator. `at` is where they will stand.
fn zip64_end(records: u64, central_size: u64, central_start: u64, at: u64) -> Fields {
    let mut end = Fields::default();
    end.u32(signature::ZIP64_END);
    end.u64(44); // bytes that follow
    end.u16(ZIP64);
    end.u16(ZIP64);
    end.zeros(8); // this disk, and that of the central directory
    end.u64(records);
    end.u64(records);
    end.u64(central_size);
    end.u64(central_start);

    end.u32(signature::ZIP64_LOCATOR);
    end.zeros(4); // disk
    end.u64(at);
    end.u32(1); // disks
    end
}

fn saturated(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(IN_ZIP64)
}

/// Little-endian numbers one after another.
#[derive(Default)]
struct Fields(Vec<u8>);

impl Fields {
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

    /// What local and central headers have in common, from the version to the lengths.
    fn common(&mut self, zip64: bool, crc: u32, size: u64, name_len: u16, extra_len: u16) {
        self.u16(if zip64 { ZIP64 } else { PLAIN });
        self.zeros(6); // no flags; method 0, which is stored; midnight
        self.u16(DATE);
        self.u32(crc);
        self.u32(saturated(size)); // as it is stored
        self.u32(saturated(size)); // as it is
        self.u16(name_len);
        self.u16(extra_len);
    }
}
