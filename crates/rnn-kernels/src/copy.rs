//! Copies between the caller's arrays and the workspace.
//!
//! In an array of the caller a row holds the features of one sample, without padding. Its strides are arbitrary.

use crate::plan::{Features, Layout, Plan, Shard};
use crate::pointers::SequencePtr;

/// The contents of the padding samples of the feature-major layout.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Padding {
    /// For gradients: padding must add nothing to the gradients of the weights.
    Zero,
    /// For everything else: a copy of the last sample. A zero times an infinite weight would be NaN.
    Repeat,
}

impl Plan {
    /// Copies the samples of a shard into the workspace. Padding features of the sample-major layout become zero.
    ///
    /// # Safety
    /// - `from`, an array of the caller, has `steps` steps of the whole batch with these features.
    /// - `to` is the part of the shard in a buffer with these features and at least `steps` steps.
    /// - No other thread accesses the part of this shard in `to`, and none writes `from`.
    pub(crate) unsafe fn load(
        &self,
        from: SequencePtr,
        features: Features,
        padding: Padding,
        to: SequencePtr,
        steps: usize,
        shard: &Shard,
    ) {
        for step in 0..steps {
            let (from, to) = (from.step(step).skip_rows(shard.first), to.step(step));
            // SAFETY: the caller guarantees that both have this step. Below, the rows and columns of `from` are samples
            // of the shard and features; those of `to` are inside `matrix_shape`. The two are different allocations.
            unsafe {
                match self.layout {
                    Layout::SampleMajor => {
                        let (size, padded) = (features.size, self.padded(features.size));
                        for sample in 0..shard.count {
                            for group in 0..features.groups {
                                let to = to.at(sample, group * padded);
                                to.copy_from_nonoverlapping(from.at(sample, group * size), size);
                                to.add(size).write_bytes(0, padded - size);
                            }
                        }
                    }
                    Layout::FeatureMajor => {
                        for feature in 0..features.count() {
                            for sample in 0..shard.count {
                                *to.at(feature, sample) = *from.at(sample, feature);
                            }
                            let last = if padding == Padding::Zero { 0.0 } else { *to.at(feature, shard.count - 1) };
                            for sample in shard.count..shard.padded {
                                *to.at(feature, sample) = last;
                            }
                        }
                    }
                }
            }
        }
    }

    /// Fills the part of a shard with zeros.
    ///
    /// # Safety
    /// `to` is the part of the shard in a buffer with these features and at least `steps` steps, and no other thread
    /// accesses it.
    pub(crate) unsafe fn clear(&self, features: Features, to: SequencePtr, steps: usize, shard: &Shard) {
        let (rows, columns) = self.matrix_shape(features, shard);
        for step in 0..steps {
            for row in 0..rows {
                // SAFETY: the caller guarantees the step; row and columns are inside `matrix_shape`.
                unsafe { to.step(step).at(row, 0).write_bytes(0, columns) };
            }
        }
    }

    /// Copies the samples of a shard to an array of the caller.
    ///
    /// # Safety
    /// As [`load`](Self::load), with the roles of `from` and `to` exchanged.
    pub(crate) unsafe fn store(
        &self,
        from: SequencePtr,
        features: Features,
        to: SequencePtr,
        steps: usize,
        shard: &Shard,
    ) {
        for step in 0..steps {
            let (from, to) = (from.step(step), to.step(step).skip_rows(shard.first));
            // SAFETY: as in `load`.
            unsafe {
                match self.layout {
                    Layout::SampleMajor => {
                        let (size, padded) = (features.size, self.padded(features.size));
                        for sample in 0..shard.count {
                            for group in 0..features.groups {
                                let from = from.at(sample, group * padded);
                                to.at(sample, group * size).copy_from_nonoverlapping(from, size);
                            }
                        }
                    }
                    Layout::FeatureMajor => {
                        for sample in 0..shard.count {
                            for feature in 0..features.count() {
                                *to.at(sample, feature) = *from.at(feature, sample);
                            }
                        }
                    }
                }
            }
        }
    }
}
