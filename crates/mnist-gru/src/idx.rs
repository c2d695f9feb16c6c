//! The idx format of MNIST's files: a magic number, the length of every dimension, then the elements.
//!
//! All numbers are big-endian and of four bytes. The magic number is two zero bytes, the type of the elements (8: an
//! unsigned byte) and the number of dimensions. Source: "The IDX file format" on the page of the MNIST database
//! (LeCun, Cortes, Burges).

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use flate2::bufread::MultiGzDecoder;

/// What a gzip file begins with; an idx file begins with two zeros.
const GZIP: [u8; 2] = [0x1f, 0x8b];
/// The type of the elements, in its place in the magic number.
const UNSIGNED_BYTES: u32 = 0x0800;

/// The elements of an idx file of shape `(N, item..)`, N being what the file holds: `item` is `[28, 28]` for images and
/// empty for labels. Plain or gzip, whatever its name is.
///
/// The header is only believed once it has been checked: memory is taken for what is in the file, never for what the
/// header claims.
///
/// # Errors
/// If the file cannot be read, is of another type or shape, is empty, or is not as long as its header says.
pub fn read(path: &Path, item: &[u32]) -> Result<Vec<u8>> {
    read_file(path, item).with_context(|| path.display().to_string())
}

fn read_file(path: &Path, item: &[u32]) -> Result<Vec<u8>> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut file = BufReader::new(file);
    if file.fill_buf()?.starts_with(&GZIP) {
        read_gzip(MultiGzDecoder::new(file), item)
    } else {
        read_plain(file, length, item)
    }
}

/// How long the contents are is known beforehand.
fn read_plain(mut file: impl Read, length: u64, item: &[u32]) -> Result<Vec<u8>> {
    let shortest = Header::length(1 + item.len());
    ensure!(length >= shortest, "expected a header of {shortest} bytes, found a file of {length} bytes");
    let header = Header::read(&mut file, item)?;
    let whole = shortest.saturating_add(header.elements);
    ensure!(length == whole, "{header}, {whole} bytes in all; found {length} bytes");
    let mut elements = Vec::new();
    let room = usize::try_from(header.elements).context("more than this machine can address")?;
    elements.try_reserve_exact(room).with_context(|| format!("no memory for {room} bytes"))?;
    header.read_elements(file, elements)
}

/// How long the contents are is known when they have been unpacked: memory grows with what comes.
fn read_gzip(mut file: impl Read, item: &[u32]) -> Result<Vec<u8>> {
    let header = Header::read(&mut file, item)?;
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
            Some(0) => bail!("the header says {}: there is nothing in it", product(&dimensions)),
            Some(elements) => Ok(Header { dimensions, elements }),
            None => bail!("the header says {}: no file is that long", product(&dimensions)),
        }
    }

    /// In bytes, of a header with this number of dimensions.
    fn length(dimensions: usize) -> u64 {
        4 * (1 + dimensions as u64)
    }

    /// Reads what comes after the header, to the end of the file.
    fn read_elements(&self, file: impl Read, mut elements: Vec<u8>) -> Result<Vec<u8>> {
        // One byte more, to see whether there are too many; this also takes gzip to its checksum.
        file.take(self.elements.saturating_add(1)).read_to_end(&mut elements)?;
        let found = elements.len() as u64;
        ensure!(found <= self.elements, "{self}; there are more bytes than that");
        ensure!(found == self.elements, "{self}; found {found} of these {} bytes", self.elements);
        Ok(elements)
    }
}

impl std::fmt::Display for Header {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the header says {}", product(&self.dimensions))
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
