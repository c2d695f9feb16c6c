//! Reads the IDX format of the MNIST files: a magic number, the length of every dimension, then the elements.
//!
//! All numbers are big-endian and have four bytes. The magic number has two zero bytes, the type of the elements (8:
//! unsigned byte) and the number of dimensions. Source: "The IDX file format" on the page of the MNIST database
//! (LeCun, Cortes, Burges).

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use flate2::bufread::MultiGzDecoder;
use pt_file::regular_file;

/// The first bytes of a gzip file. An IDX file starts with two zero bytes.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// The element type in the magic number.
const UNSIGNED_BYTES: u32 = 0x0800;
/// A gzip file may expand to this multiple of its size. MNIST's files expand to 5 times theirs, and a file of zeros to 1000
/// times.
const MAX_EXPANSION: u64 = 16;
/// A small gzip file may expand to this number of bytes: 10,000 images.
const SMALL: u64 = 8 << 20;

/// The elements of an IDX file of shape `(N, item..)` with any N: `item` is `[28, 28]` for images and empty for labels.
///
/// The content decides whether the file is plain or gzip, not the name. Memory is allocated for the bytes in the file, not
/// for the size in the header, which can be wrong.
///
/// # Errors
/// If the file cannot be read, has another type or shape, is empty, or its length differs from its header.
pub fn read(path: &Path, item: &[u32]) -> Result<Vec<u8>> {
    read_file(path, item).with_context(|| path.display().to_string())
}

fn read_file(path: &Path, item: &[u32]) -> Result<Vec<u8>> {
    let file = regular_file::open(path)?;
    let length = file.metadata()?.len();
    let mut file = BufReader::new(file);
    if file.fill_buf()?.starts_with(&GZIP) {
        read_gzip(MultiGzDecoder::new(file), length, item)
    } else {
        read_plain(file, length, item)
    }
}

/// The length of a plain file is known before it is read.
fn read_plain(mut file: impl Read, length: u64, item: &[u32]) -> Result<Vec<u8>> {
    let shortest = Header::length(1 + item.len());
    ensure!(length >= shortest, "expected a header of {shortest} bytes, found a file of {length} bytes");
    let header = Header::read(&mut file, item)?;
    let whole = shortest.saturating_add(header.elements);
    ensure!(length == whole, "{header}, {whole} bytes in all; found {length} bytes");
    let mut elements = Vec::new();
    let size = usize::try_from(header.elements).context("the file is larger than the address space")?;
    elements.try_reserve_exact(size).with_context(|| format!("not enough memory for {size} bytes"))?;
    header.read_elements(file, elements)
}

/// The length of the content is unknown until it is unpacked, so the memory grows while it is read. `length` is that of the
/// packed file.
fn read_gzip(mut file: impl Read, length: u64, item: &[u32]) -> Result<Vec<u8>> {
    let header = Header::read(&mut file, item)?;
    let limit = length.saturating_mul(MAX_EXPANSION).max(SMALL);
    ensure!(
        header.elements <= limit,
        "{header}, {} bytes; a gzip file of {length} bytes may expand to at most {limit} (unpack a file that you trust \
         with gunzip)",
        header.elements
    );
    header.read_elements(file, Vec::new())
}

/// The lengths of the dimensions.
struct Header {
    dimensions: Vec<u32>,
    /// Their product.
    elements: u64,
}

impl Header {
    fn read(file: &mut impl Read, item: &[u32]) -> Result<Header> {
        let magic = UNSIGNED_BYTES + 1 + item.len() as u32;
        let found = read_u32(file)?;
        ensure!(
            found == magic,
            "expected the magic number {magic:#010x} (unsigned bytes, dimensions: {}), found {found:#010x}",
            1 + item.len()
        );
        let dimensions = (0..=item.len()).map(|_| read_u32(file)).collect::<Result<Vec<_>>>()?;
        ensure!(
            dimensions[1..] == *item,
            "expected elements of {}, found elements of {}",
            product(item),
            product(&dimensions[1..])
        );
        let elements = dimensions.iter().try_fold(1u64, |product, &length| product.checked_mul(length.into()));
        match elements {
            Some(0) => bail!("the header has the shape {}: the file has no elements", product(&dimensions)),
            Some(elements) => Ok(Header { dimensions, elements }),
            None => bail!("the header has the shape {}: no file can be that long", product(&dimensions)),
        }
    }

    /// The length in bytes of a header with this number of dimensions.
    fn length(dimensions: usize) -> u64 {
        4 * (1 + dimensions as u64)
    }

    /// Reads the elements after the header, to the end of the file.
    fn read_elements(&self, file: impl Read, mut elements: Vec<u8>) -> Result<Vec<u8>> {
        // One more byte shows whether the file is too long. It also makes gzip check its checksum.
        file.take(self.elements.saturating_add(1)).read_to_end(&mut elements)?;
        let found = elements.len() as u64;
        ensure!(found <= self.elements, "{self}; the file has more bytes");
        ensure!(found == self.elements, "{self}; found {found} of these {} bytes", self.elements);
        Ok(elements)
    }
}

impl std::fmt::Display for Header {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the header has the shape {}", product(&self.dimensions))
    }
}

fn read_u32(file: &mut impl Read) -> Result<u32> {
    let mut bytes = [0; 4];
    file.read_exact(&mut bytes).context("cannot read the header")?;
    Ok(u32::from_be_bytes(bytes))
}

/// `60000 x 28 x 28`
fn product(dimensions: &[u32]) -> String {
    dimensions.iter().map(u32::to_string).collect::<Vec<_>>().join(" x ")
}
