//! The memory that the values of a pickle may take.

use super::problem::PickleProblem;

/// For every pickle.
const BASE: usize = 12 << 20;

/// For every byte of the pickle. A float is pickled in 9 bytes and takes 48.
const PER_BYTE: usize = 10;

/// For every record of the archive. A tensor takes 900 bytes, its place in a dict included, and may be pickled in 70.
const PER_RECORD: usize = 1 << 10;

/// Bytes that may still be taken.
///
/// What `torch.save` writes stays within it, but for lists of hundreds of thousands of the shortest values. A hostile
/// pickle makes a value of every byte, or a billion values of 300 bytes by lists of lists of the same list.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    limit: usize,
    left: usize,
}

impl Budget {
    /// For a pickle of so many bytes in an archive of so many records.
    pub(super) fn new(pickle_len: usize, records: usize) -> Budget {
        let of_records = records.saturating_mul(PER_RECORD);
        let limit = pickle_len.saturating_mul(PER_BYTE).saturating_add(of_records).saturating_add(BASE);
        Budget { limit, left: limit }
    }

    /// The bytes that there were.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// To be called before memory is taken.
    pub(super) fn pay(&mut self, bytes: usize) -> Result<(), PickleProblem> {
        self.left = self.left.checked_sub(bytes).ok_or(PickleProblem::Expansion { limit: self.limit })?;
        Ok(())
    }

    /// To be called after memory that was paid for has been given back.
    pub(super) fn refund(&mut self, bytes: usize) {
        self.left += bytes;
    }
}
