//! Shards: parts of the batch that run through all steps and layers independently of one another.
//!
//! The sequences of a batch are sorted by decreasing length, so those of a shard that have a certain step are its first
//! ones. In the workspace, the rows of a shard at each step follow those of the step before.

use std::ops::Range;

use crate::batch::BatchShape;

/// A part of the batch.
#[derive(Debug)]
pub(crate) struct Shard {
    /// Index in the list of all shards.
    pub index: usize,
    /// Index of the first sample.
    pub first: usize,
    /// Number of samples.
    pub count: usize,
    /// Number of samples with the padding of the feature-major layout.
    pub padded: usize,
    /// Number of steps of the longest sequence.
    pub steps: usize,
    /// Number of rows of all earlier shards.
    pub start: usize,
    /// For a ragged batch: the number of rows before each step, and in total.
    offsets: Option<Vec<usize>>,
}

impl Shard {
    /// Cuts the batch before each of the samples `starts`, which increase from zero. `padded` rounds up to whole
    /// vectors.
    pub(crate) fn cut(shape: &BatchShape, starts: &[usize], padded: impl Fn(usize) -> usize) -> Vec<Shard> {
        let mut start = 0;
        let mut shards = Vec::with_capacity(starts.len());
        for (index, &first) in starts.iter().enumerate() {
            let end = starts.get(index + 1).copied().unwrap_or(shape.batch);
            let steps = shape.length(first);
            let rows = |step| shape.size(step).min(end) - first;
            let offsets = shape.offsets().map(|_| {
                let mut sum = 0;
                let offset = |step| {
                    sum += rows(step);
                    sum
                };
                std::iter::once(0).chain((0..steps).map(offset)).collect::<Vec<_>>()
            });
            let count = end - first;
            let shard = Shard { index, first, count, padded: padded(count), steps, start, offsets };
            start += shard.all_rows();
            shards.push(shard);
        }
        shards
    }

    /// For a ragged batch: the number of rows before each step, and in total.
    pub(crate) fn offsets(&self) -> Option<&[usize]> {
        self.offsets.as_deref()
    }

    /// Number of samples that have a step.
    pub(crate) fn rows(&self, step: usize) -> usize {
        self.offsets.as_ref().map_or(self.count, |offsets| offsets[step + 1] - offsets[step])
    }

    /// Number of rows of all steps.
    pub(crate) fn all_rows(&self) -> usize {
        self.offsets.as_ref().map_or(self.steps * self.count, |offsets| offsets[self.steps])
    }

    /// Cuts the time steps into chunks. Each has as few steps as possible but at least `rows` rows, except the last
    /// one. The first chunk starts at the first step; with `from_end` it ends at the last step.
    pub(crate) fn chunks(&self, rows: usize, from_end: bool) -> impl Iterator<Item = Range<usize>> {
        let mut end = 0; // counted from the side at which the first chunk is
        std::iter::from_fn(move || {
            let (start, mut chunk_rows) = (end, 0);
            while end < self.steps && (end == start || chunk_rows < rows) {
                chunk_rows += self.rows(if from_end { self.steps - 1 - end } else { end });
                end += 1;
            }
            let chunk = if from_end { self.steps - end..self.steps - start } else { start..end };
            (!chunk.is_empty()).then_some(chunk)
        })
    }
}

/// The order in which a direction processes the time steps of a shard.
#[derive(Clone, Copy)]
pub(crate) struct TimeOrder<'a> {
    pub shard: &'a Shard,
    /// From the last step to the first.
    pub reverse: bool,
}

/// Some rows of a time step, and the step at which their sequences were processed before. `None` for sequences that
/// start at this step.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct StepRows {
    pub rows: Range<usize>,
    pub previous: Option<usize>,
}

impl TimeOrder<'_> {
    /// The rows of a step: those whose sequences have a previous step, then those whose sequences start here. One of
    /// the two may be missing.
    pub(crate) fn rows(self, step: usize) -> impl Iterator<Item = StepRows> + use<> {
        let rows = self.shard.rows(step);
        let (previous, continued) = match (self.reverse, step) {
            (false, 0) => (0, 0),
            (false, _) => (step - 1, rows),
            (true, _) if step + 1 == self.shard.steps => (0, 0),
            (true, _) => (step + 1, self.shard.rows(step + 1)),
        };
        let parts = [
            StepRows { rows: 0..continued, previous: Some(previous) },
            StepRows { rows: continued..rows, previous: None },
        ];
        parts.into_iter().filter(|part| !part.rows.is_empty())
    }

    /// The rows whose sequences end at a step.
    pub(crate) fn ending(self, step: usize) -> Range<usize> {
        let rows = self.shard.rows(step);
        let continued = match (self.reverse, step) {
            (true, 0) => 0,
            (true, _) => rows,
            (false, _) if step + 1 == self.shard.steps => 0,
            (false, _) => self.shard.rows(step + 1),
        };
        continued..rows
    }

    /// The steps of a chunk in this order.
    pub(crate) fn steps(self, chunk: Range<usize>) -> impl DoubleEndedIterator<Item = usize> + use<> {
        let (start, end, reverse) = (chunk.start, chunk.end, self.reverse);
        chunk.map(move |step| if reverse { start + end - 1 - step } else { step })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::batch::Batch;

    /// Sequences of 4, 4, 2 and 1 steps.
    fn shards(starts: &[usize]) -> Vec<Shard> {
        let shape = BatchShape::new(Batch::Packed(&[4, 3, 2, 2])).unwrap();
        Shard::cut(&shape, starts, |count| count)
    }

    #[test]
    fn a_shard_has_the_first_rows_of_each_step() {
        let shards = shards(&[0, 1]);
        let rows: Vec<Vec<usize>> = shards.iter().map(|s| (0..s.steps).map(|t| s.rows(t)).collect()).collect();
        assert_eq!(rows, [vec![1, 1, 1, 1], vec![3, 2, 1, 1]]);
        assert_eq!((shards[1].start, shards[1].all_rows()), (4, 7));
        let short = &super::tests::shards(&[0, 2])[1];
        assert_eq!((short.steps, short.rows(0), short.rows(1)), (2, 2, 1));
    }

    #[test]
    fn sequences_start_and_end_in_the_order_of_each_direction() {
        let shard = &shards(&[0])[0];
        let [forward, reverse] = [false, true].map(|reverse| TimeOrder { shard, reverse });
        let part = |rows, previous| StepRows { rows, previous };
        let rows = |order: TimeOrder<'_>, step| order.rows(step).collect::<Vec<_>>();
        assert_eq!(rows(forward, 0), [part(0..4, None)]);
        assert_eq!(rows(forward, 1), [part(0..3, Some(0))]);
        assert_eq!(rows(reverse, 3), [part(0..2, None)]);
        assert_eq!(rows(reverse, 2), [part(0..2, Some(3))]);
        assert_eq!(rows(reverse, 1), [part(0..2, Some(2)), part(2..3, None)]);
        assert_eq!([0, 1, 2, 3].map(|step| forward.ending(step)), [3..4, 2..3, 2..2, 0..2]);
        assert_eq!([0, 1, 2, 3].map(|step| reverse.ending(step)), [0..4, 3..3, 2..2, 2..2]);
    }

    #[test]
    fn chunks_have_enough_rows() {
        let shard = &shards(&[0])[0];
        let chunks = |rows, from_end| shard.chunks(rows, from_end).collect::<Vec<_>>();
        assert_eq!(chunks(4, false), [0..1, 1..3, 3..4]);
        assert_eq!(chunks(4, true), [2..4, 0..2]);
        assert_eq!(chunks(usize::MAX, true), vec![0..4]);
    }
}
