//! The limit on the memory that the values of a pickle may take.

use crate::PickleProblem;

/// For every pickle.
const BASE: usize = 12 << 20;

/// For each byte of the pickle. A float takes 9 bytes in the pickle and 48 in memory.
const PER_BYTE: usize = 10;

/// For each record of the archive. A tensor in a dict takes 900 bytes in memory and as few as 70 in the pickle.
const PER_RECORD: usize = 1 << 10;

/// The estimated cost of one allocation besides its bytes.
pub(in crate::read) const ALLOCATION: usize = 16;

/// The memory that may still be used, in bytes.
///
/// It is enough for what `torch.save` writes, except lists of several hundred thousand very short values. A malicious
/// pickle can make a value from each byte, or a billion values from 300 bytes, by lists of lists of the same list.
#[derive(Debug, Clone)]
pub(in crate::read) struct MemoryBudget {
    limit: usize,
    left: usize,
}

impl MemoryBudget {
    /// The budget for a pickle of this length in an archive with this number of records.
    pub(in crate::read) fn new(pickle_len: usize, records: usize) -> MemoryBudget {
        let for_records = records.saturating_mul(PER_RECORD);
        let limit = pickle_len.saturating_mul(PER_BYTE).saturating_add(for_records).saturating_add(BASE);
        MemoryBudget { limit, left: limit }
    }

    /// The initial number of bytes.
    pub(in crate::read) fn limit(&self) -> usize {
        self.limit
    }

    /// Call this before each allocation.
    pub(in crate::read) fn reserve(&mut self, bytes: usize) -> Result<(), PickleProblem> {
        self.left = self.left.checked_sub(bytes).ok_or(PickleProblem::Expansion { limit: self.limit })?;
        Ok(())
    }

    /// Call this after reserved memory is freed.
    pub(in crate::read) fn release(&mut self, bytes: usize) {
        self.left += bytes;
    }
}
