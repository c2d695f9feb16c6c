//! Between the caller's slices and the workspace.

use crate::layout::{Arrangement, Features, Layout, Seq, Shard};

/// The caller's numbers: `step` apart from step to step, `batch` from sample to sample; features lie side by side.
#[derive(Clone, Copy)]
pub(crate) struct Outside<P> {
    pub at: P,
    pub step: usize,
    pub batch: usize,
}

// SAFETY: threads read, or write disjoint parts.
unsafe impl<P> Sync for Outside<P> {}

/// What the lanes hold that have no sample, in Lanes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Padding {
    /// For gradients: they must add nothing to those of the weights.
    Zero,
    /// For the rest, the last sample once more: an infinite weight must not meet a zero that nobody gave.
    Repeat,
}

impl Layout {
    /// Copies a shard's part into the workspace. In Rows, padding becomes zero.
    ///
    /// # Safety
    /// `from` and `to` reach as far as the sizes say, and no other thread uses this shard's part of `to`.
    pub(crate) unsafe fn load(
        &self,
        from: Outside<*const f32>,
        features: Features,
        padding: Padding,
        to: Seq,
        steps: usize,
        shard: &Shard,
    ) {
        let at =
            |step: usize, sample: usize| from.at.wrapping_add(step * from.step + (shard.first + sample) * from.batch);
        // SAFETY: the caller's promise.
        unsafe {
            match self.arrangement {
                Arrangement::Rows => {
                    let (size, padded) = (features.size, self.pad(features.size));
                    for step in 0..steps {
                        for sample in 0..shard.count {
                            let row = to.block(step).at.add(sample * to.row);
                            for group in 0..features.groups {
                                let to = row.add(group * padded);
                                to.copy_from_nonoverlapping(at(step, sample).add(group * size), size);
                                to.add(size).write_bytes(0, padded - size);
                            }
                        }
                    }
                }
                Arrangement::Lanes => {
                    for step in 0..steps {
                        for feature in 0..features.count() {
                            let row = to.block(step).at.add(feature * to.row);
                            for sample in 0..shard.count {
                                *row.add(sample) = *at(step, sample).add(feature);
                            }
                            let last = if padding == Padding::Zero { 0.0 } else { *row.add(shard.count - 1) };
                            for sample in shard.count..shard.width {
                                *row.add(sample) = last;
                            }
                        }
                    }
                }
            }
        }
    }

    /// Fills a shard's part of the workspace with zeros.
    ///
    /// # Safety
    /// As [`load`](Self::load).
    pub(crate) unsafe fn clear(&self, features: Features, to: Seq, steps: usize, shard: &Shard) {
        let (rows, columns) = self.matrix(features, shard);
        for step in 0..steps {
            for row in 0..rows {
                // SAFETY: the caller's promise.
                unsafe { to.block(step).at.add(row * to.row).write_bytes(0, columns) };
            }
        }
    }

    /// Copies a shard's part to the caller.
    ///
    /// # Safety
    /// As [`load`](Self::load); no other thread writes this shard's part of `to`.
    pub(crate) unsafe fn store(
        &self,
        from: Seq,
        features: Features,
        to: Outside<*mut f32>,
        steps: usize,
        shard: &Shard,
    ) {
        let at = |step: usize, sample: usize| to.at.wrapping_add(step * to.step + (shard.first + sample) * to.batch);
        // SAFETY: the caller's promise.
        unsafe {
            match self.arrangement {
                Arrangement::Rows => {
                    let (size, padded) = (features.size, self.pad(features.size));
                    for step in 0..steps {
                        for sample in 0..shard.count {
                            let row = from.block(step).at.add(sample * from.row);
                            for group in 0..features.groups {
                                at(step, sample)
                                    .add(group * size)
                                    .copy_from_nonoverlapping(row.add(group * padded), size);
                            }
                        }
                    }
                }
                Arrangement::Lanes => {
                    for step in 0..steps {
                        for sample in 0..shard.count {
                            let (column, to) = (from.block(step).at.add(sample), at(step, sample));
                            for feature in 0..features.count() {
                                *to.add(feature) = *column.add(feature * from.row);
                            }
                        }
                    }
                }
            }
        }
    }
}
