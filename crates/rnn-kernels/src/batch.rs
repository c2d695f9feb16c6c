//! The sequences of a batch and their lengths.

use std::sync::Arc;

use crate::error::{Error, Result};

/// The sequences of a batch and their lengths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Batch<'a> {
    /// Sequences of equal length. A tensor has the shape (steps, sequences, features).
    Padded {
        /// Number of time steps.
        steps: usize,
        /// Number of sequences.
        sequences: usize,
    },
    /// Sequences of different lengths, sorted by decreasing length, as in torch's `PackedSequence`. The numbers are its
    /// `batch_sizes`: for each time step, how many sequences have it. A tensor has the shape (sum of the batch sizes,
    /// features): the rows of the first step, then those of the second step, and so on.
    Packed(&'a [usize]),
}

impl Batch<'_> {
    /// Number of time steps of the longest sequence.
    pub fn steps(&self) -> usize {
        match self {
            Batch::Padded { steps, .. } => *steps,
            Batch::Packed(batch_sizes) => batch_sizes.len(),
        }
    }

    /// Number of sequences.
    pub fn sequences(&self) -> usize {
        match self {
            Batch::Padded { sequences, .. } => *sequences,
            Batch::Packed(batch_sizes) => batch_sizes.first().copied().unwrap_or(0),
        }
    }
}

/// A batch whose sizes were checked.
#[derive(Clone)]
pub(crate) struct BatchShape {
    pub steps: usize,
    /// Number of sequences.
    pub batch: usize,
    /// Sum of the lengths. An overflow gives `usize::MAX`.
    pub rows: usize,
    /// For a ragged batch: the number of rows before each step, and in total.
    offsets: Option<Arc<[usize]>>,
}

impl BatchShape {
    /// Rejects a batch without sequences or steps, and batch sizes that are no lengths.
    pub(crate) fn new(batch: Batch<'_>) -> Result<BatchShape> {
        let (steps, sequences) = (batch.steps(), batch.sequences());
        for (name, size) in [("the number of steps", steps), ("the batch size", sequences)] {
            if size == 0 {
                return Err(Error::ZeroSize { name });
            }
        }
        let Batch::Packed(batch_sizes) = batch else {
            return Ok(BatchShape { steps, batch: sequences, rows: steps.saturating_mul(sequences), offsets: None });
        };
        for (i, pair) in batch_sizes.windows(2).enumerate() {
            if pair[1] == 0 || pair[1] > pair[0] {
                return Err(Error::BatchSizes { step: i + 1, size: pair[1], previous: pair[0] });
            }
        }
        let mut rows = 0_usize;
        let offset = |size: &usize| {
            rows = rows.saturating_add(*size);
            rows
        };
        let offsets = std::iter::once(0).chain(batch_sizes.iter().map(offset)).collect();
        let ragged = batch_sizes.first() != batch_sizes.last();
        Ok(BatchShape { steps, batch: sequences, rows, offsets: ragged.then_some(offsets) })
    }

    /// For a ragged batch: the number of rows before each step, and in total.
    pub(crate) fn offsets(&self) -> Option<&[usize]> {
        self.offsets.as_deref()
    }

    /// Number of sequences that have a step.
    pub(crate) fn size(&self, step: usize) -> usize {
        self.offsets().map_or(self.batch, |offsets| offsets[step + 1] - offsets[step])
    }

    /// Number of steps that a sequence has.
    pub(crate) fn length(&self, sequence: usize) -> usize {
        let Some(offsets) = self.offsets() else { return self.steps };
        let (mut low, mut high) = (0, offsets.len() - 1); // the batch sizes decrease: binary search
        while low < high {
            let middle = (low + high) / 2;
            if self.size(middle) > sequence { low = middle + 1 } else { high = middle }
        }
        low
    }
}
