//! Copies between the caller's arrays and the workspace.
//!
//! In an array of the caller a row holds the features of one sample, without padding. Its strides are arbitrary.

use std::ops::Range;

use crate::plan::{Features, Layout, Plan};
use crate::pointers::{MatrixPtr, SequencePtr};
use crate::shard::Shard;

/// The contents of the padding samples of the feature-major layout.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Padding {
    /// For gradients: padding must add nothing to the gradients of the weights.
    Zero,
    /// For everything else: a copy of the last sample. A zero times an infinite weight would be NaN.
    Repeat,
}

/// # Safety
/// For all functions:
/// - The array of the caller has these features, for the whole batch.
/// - The workspace has the part of the shard in a buffer with these features.
/// - No other thread writes what is read, and none accesses the rows that are written.
impl Plan {
    /// Copies the samples of a shard at every time step into the workspace.
    pub(crate) unsafe fn load_steps(
        &self,
        from: SequencePtr<'_>,
        features: Features,
        padding: Padding,
        to: SequencePtr<'_>,
        shard: &Shard,
    ) {
        for step in 0..shard.steps {
            // SAFETY: both have this step, with the rows of the shard.
            unsafe { self.load(from.step(step), features, padding, to.step(step), shard.rows(step), shard) };
        }
    }

    /// Copies the states of a shard into the workspace. Without an array, they become zero.
    pub(crate) unsafe fn load_states(
        &self,
        from: Option<SequencePtr<'_>>,
        features: Features,
        padding: Padding,
        to: SequencePtr<'_>,
        shard: &Shard,
    ) {
        let (rows, columns) = self.matrix_shape(features, shard.count, shard);
        for state in 0..self.config.state_rows() {
            let to = to.step(state);
            // SAFETY: both have this state; row and columns are inside `matrix_shape`.
            unsafe {
                match from {
                    Some(from) => self.load(from.step(state), features, padding, to, shard.count, shard),
                    None => (0..rows).for_each(|row| to.at(row, 0).write_bytes(0, columns)),
                }
            }
        }
    }

    /// Copies the first `count` samples of a shard into the workspace. Padding features of the sample-major layout
    /// become zero. In the feature-major layout all samples are copied.
    unsafe fn load(
        &self,
        from: MatrixPtr,
        features: Features,
        padding: Padding,
        to: MatrixPtr,
        count: usize,
        shard: &Shard,
    ) {
        let from = from.skip_rows(shard.first);
        // SAFETY: the rows and columns of `from` are samples of the shard and features; those of `to` are inside
        // `matrix_shape`. The two are different allocations.
        unsafe {
            match self.layout {
                Layout::SampleMajor => {
                    let (size, padded) = (features.size, self.padded(features.size));
                    for sample in 0..count {
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

    /// Copies the samples of a shard at every time step to an array of the caller.
    pub(crate) unsafe fn store_steps(
        &self,
        from: SequencePtr<'_>,
        features: Features,
        to: SequencePtr<'_>,
        shard: &Shard,
    ) {
        for step in 0..shard.steps {
            // SAFETY: both have this step, with the rows of the shard.
            unsafe { self.store(from.step(step), features, to.step(step), 0..shard.rows(step), shard) };
        }
    }

    /// Copies some samples of a shard to an array of the caller.
    pub(crate) unsafe fn store(
        &self,
        from: MatrixPtr,
        features: Features,
        to: MatrixPtr,
        samples: Range<usize>,
        shard: &Shard,
    ) {
        let to = to.skip_rows(shard.first);
        // SAFETY: as in `load`.
        unsafe {
            match self.layout {
                Layout::SampleMajor => {
                    let (size, padded) = (features.size, self.padded(features.size));
                    for sample in samples {
                        for group in 0..features.groups {
                            let from = from.at(sample, group * padded);
                            to.at(sample, group * size).copy_from_nonoverlapping(from, size);
                        }
                    }
                }
                Layout::FeatureMajor => {
                    for sample in samples {
                        for feature in 0..features.count() {
                            *to.at(sample, feature) = *from.at(feature, sample);
                        }
                    }
                }
            }
        }
    }
}
