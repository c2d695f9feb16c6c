//! Reads parts of a file.

use std::io::{Read, Seek, SeekFrom};

use super::super::pickle::{MemoryBudget, unpickle_with_problems};
use crate::{ArchiveProblem, Error, PickleProblem, Result};

/// The number of bytes that are read and checksummed at a time: few enough for the processor's cache.
const BLOCK: usize = 256 << 10;

/// The number of bytes that are read at a time without a checksum.
const LARGE_BLOCK: usize = 64 << 20;

/// The limit on the size of a pickle. Files with NumPy arrays have large ones.
pub(super) const MAX_PICKLE: u64 = 1 << 30;

/// The first attempt at the length of a pickle.
const FIRST_WINDOW: u64 = 512;

/// Reads `len` bytes at position `at`.
pub(super) fn read_at<R: Read + Seek>(source: &mut R, at: u64, len: u64) -> Result<Vec<u8>> {
    read_in_blocks(source, at, len, LARGE_BLOCK, |_| ())
}

/// The same, and calls `inspect` with each block after it is read.
pub(super) fn read_blocks<R: Read + Seek>(
    source: &mut R,
    at: u64,
    len: u64,
    inspect: impl FnMut(&[u8]),
) -> Result<Vec<u8>> {
    read_in_blocks(source, at, len, BLOCK, inspect)
}

fn read_in_blocks<R: Read + Seek>(
    source: &mut R,
    at: u64,
    len: u64,
    block: usize,
    mut inspect: impl FnMut(&[u8]),
) -> Result<Vec<u8>> {
    source.seek(SeekFrom::Start(at))?;
    let len = usize::try_from(len).map_err(|_| out_of_memory(usize::MAX))?;
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(len).map_err(|_| out_of_memory(len))?;
    while bytes.len() < len {
        let (start, block) = (bytes.len(), block.min(len - bytes.len()));
        if source.by_ref().take(block as u64).read_to_end(&mut bytes)? == 0 {
            return Err(Error::Archive { record: None, problem: ArchiveProblem::NoEnd });
        }
        inspect(&bytes[start..]);
    }
    Ok(bytes)
}

/// The 64-bit little-endian number at position `at`.
pub(super) fn i64_at<R: Read + Seek>(source: &mut R, at: u64) -> Result<i64> {
    let bytes = read_at(source, at, 8)?;
    Ok(bytes.first_chunk().map_or(0, |&bytes| i64::from_le_bytes(bytes)))
}

/// The bytes of the pickle at position `at`, which ends before position `end`. A pickle does not tell its length, so this
/// executes longer and longer parts of the file until one is complete.
pub(super) fn pickle_at<R: Read + Seek>(source: &mut R, at: u64, end: u64) -> Result<Vec<u8>> {
    let longest = end.saturating_sub(at).min(MAX_PICKLE);
    let mut window = FIRST_WINDOW.min(longest);
    loop {
        let mut pickle = read_at(source, at, window)?;
        match unpickle_with_problems(&pickle, MemoryBudget::new(pickle.len(), 0)).map(|unpickled| unpickled.end) {
            Ok(len) => {
                pickle.truncate(len);
                return Ok(pickle);
            }
            Err((_, PickleProblem::Truncated)) if window < longest => window = (2 * window).min(longest),
            Err((_, PickleProblem::Truncated)) => {
                return Err(Error::Archive { record: None, problem: ArchiveProblem::NoEnd });
            }
            Err((position, problem)) => return Err(Error::Pickle { at: at as usize + position, problem }),
        }
    }
}

pub(super) fn out_of_memory(bytes: usize) -> Error {
    Error::OutOfMemory { bytes }
}
