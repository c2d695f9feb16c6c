//! The plan of a call: its sizes, the memory layout, the shards, and the address of everything in the workspace.
//!
//! There are two memory layouts for the same numbers:
//!
//! - **Sample-major**: a row holds the features of one sample. SIMD vectors run along the features, which are padded to
//!   whole vectors. A step multiplies rows of h by packed weights.
//! - **Feature-major**: a row holds one feature of all samples of a shard. SIMD vectors run along the samples, which
//!   are padded to whole vectors. A step multiplies the weights, unpacked, by a matrix of samples. It is for networks
//!   whose features fill less than two vectors, without projections, and sequences of equal length.
//!
//! In both layouts a shard of the batch is a sequence of matrices, one for each time step. In the sample-major layout
//! the matrix of a step has a row for each sequence that has the step.

use std::ops::Range;

use crate::batch::BatchShape;
use crate::buffer_pool::Buffer;
use crate::config::Config;
use crate::kernels::instruction_set::Kernels;
use crate::pointers::{SequencePtr, StepOffsets};
use crate::shard::Shard;
use crate::tuning::SAMPLE_MAJOR_VECTORS;

/// The memory layout of sequences in the workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    SampleMajor,
    FeatureMajor,
}

impl Layout {
    /// The faster layout.
    pub(crate) fn choose(config: &Config, shape: &BatchShape, kernels: &Kernels) -> Layout {
        let narrow = config.hidden_size < SAMPLE_MAJOR_VECTORS * kernels.lanes && config.proj_size == 0;
        if narrow && shape.batch >= kernels.lanes && shape.offsets().is_none() {
            Layout::FeatureMajor
        } else {
            Layout::SampleMajor
        }
    }
}

/// The features of a sample at one time step: `groups` times `size`. The output of a bidirectional layer has two
/// groups, the gates have one group for each gate block.
#[derive(Clone, Copy)]
pub(crate) struct Features {
    pub groups: usize,
    pub size: usize,
}

impl Features {
    /// All features.
    pub(crate) fn count(self) -> usize {
        self.groups * self.size
    }
}

/// What a buffer of the workspace holds for each shard.
#[derive(Clone, Copy)]
pub(crate) enum Extent {
    Nothing,
    /// A matrix for every time step.
    AllSteps,
    /// The time steps of one chunk at a time, where a chunk has as few steps as possible but at least this many rows.
    Chunk(usize),
    /// This many matrices of all samples.
    States(usize),
}

/// A range of column panels: what one member of a team computes of a step.
#[derive(Clone, Copy)]
pub(crate) struct Panels {
    pub start: usize,
    pub end: usize,
}

impl Panels {
    /// The first column and the number of columns, of `columns` in all. (The feature-major layout has no teams. There
    /// the panels are always all columns.)
    pub(crate) fn columns(self, plan: &Plan, columns: usize) -> (usize, usize) {
        let width = plan.kernels.panel_width;
        let first = self.start * width;
        (first, (self.end * width).min(columns) - first)
    }
}

/// The sizes of a call, the memory layout, and the division of the batch.
pub(crate) struct Plan {
    pub config: Config,
    pub kernels: &'static Kernels,
    pub layout: Layout,
    pub shape: BatchShape,
    /// Whether threads share the columns of each step. Then there is one shard.
    pub team: bool,
    pub shards: Vec<Shard>,
}

impl Plan {
    /// The features of the input of `layer`.
    pub(crate) fn input_features(&self, layer: usize) -> Features {
        if layer == 0 { Features { groups: 1, size: self.config.input_size } } else { self.output_features() }
    }

    /// The features of the output of a layer.
    pub(crate) fn output_features(&self) -> Features {
        Features { groups: self.config.directions(), size: self.config.state_size() }
    }

    /// The features of h.
    pub(crate) fn state_features(&self) -> Features {
        Features { groups: 1, size: self.config.state_size() }
    }

    /// The features of c, and of h before its projection.
    pub(crate) fn cell_features(&self) -> Features {
        Features { groups: 1, size: self.config.hidden_size }
    }

    /// Whether h is projected.
    pub(crate) fn projected(&self) -> bool {
        self.config.proj_size > 0
    }

    /// The gate blocks of a layer and direction.
    pub(crate) fn gate_features(&self) -> Features {
        Features { groups: self.config.cell.gate_blocks(), size: self.config.hidden_size }
    }

    /// The index of a layer and direction in lists that have one element for each.
    pub(crate) fn state_row(&self, layer: usize, direction: usize) -> usize {
        layer * self.config.directions() + direction
    }

    /// `n` rounded up to whole vectors.
    pub(crate) fn padded(&self, n: usize) -> usize {
        n.next_multiple_of(self.kernels.lanes)
    }

    /// The hidden size, rounded up to whole vectors.
    pub(crate) fn padded_hidden(&self) -> usize {
        self.padded(self.config.hidden_size)
    }

    /// Whether the caller's output and its gradient are used in place, because their rows are those of the workspace.
    pub(crate) fn output_in_place(&self) -> bool {
        self.layout == Layout::SampleMajor && self.config.state_size().is_multiple_of(self.kernels.lanes)
    }

    /// Row stride of the sample-major layout. If it were a power of two of many cache lines, all rows would map to the
    /// same cache sets. One more vector avoids these conflicts.
    fn row_stride(&self, features: Features) -> usize {
        let row = features.groups * self.padded(features.size);
        if row >= 64 && (row / self.kernels.lanes).is_multiple_of(2) { row + self.kernels.lanes } else { row }
    }

    /// Number of matrices for each shard in the feature-major layout, where all sequences are of equal length.
    fn matrices(&self, extent: Extent) -> usize {
        match extent {
            Extent::Nothing => 0,
            Extent::AllSteps => self.shape.steps,
            Extent::Chunk(rows) => rows.div_ceil(self.shards[0].count).min(self.shape.steps),
            Extent::States(count) => count,
        }
    }

    /// Numbers that `features` take for the whole batch. An overflow gives `usize::MAX`, which cannot be allocated.
    pub(crate) fn buffer_len(&self, features: Features, extent: Extent) -> usize {
        if self.layout == Layout::FeatureMajor {
            let matrices = self.matrices(extent);
            return matrices.saturating_mul(features.count()).saturating_mul(self.padded(self.shape.batch));
        }
        let rows = match extent {
            Extent::Nothing => 0,
            Extent::AllSteps => self.shape.rows,
            Extent::Chunk(rows) => rows.saturating_mul(self.shards.len()).saturating_add(self.shape.batch),
            Extent::States(count) => count.saturating_mul(self.shape.batch),
        };
        rows.saturating_mul(self.row_stride(features))
    }

    /// The part of a shard in a buffer of [`buffer_len`](Self::buffer_len) numbers.
    pub(crate) fn sequence<'a>(
        &self,
        buffer: &Buffer,
        features: Features,
        extent: Extent,
        shard: &'a Shard,
    ) -> SequencePtr<'a> {
        let start = buffer.ptr();
        if self.layout == Layout::FeatureMajor {
            return SequencePtr {
                ptr: start.wrapping_add(shard.first * self.matrices(extent) * features.count()),
                row_stride: shard.padded,
                steps: StepOffsets::Stride(features.count() * shard.padded),
            };
        }
        let row_stride = self.row_stride(features);
        let (first_row, offsets) = match extent {
            Extent::Nothing => (0, None),
            Extent::AllSteps => (shard.start, shard.offsets()),
            Extent::Chunk(rows) => (shard.index * rows + shard.first, shard.offsets()), // a chunk has < rows + count rows
            Extent::States(count) => (shard.first * count, None),
        };
        let steps = offsets.map_or(StepOffsets::Stride(shard.count * row_stride), StepOffsets::Rows);
        SequencePtr { ptr: start.wrapping_add(first_row * row_stride), row_stride, steps }
    }

    /// The part of a shard in a buffer of states: a sequence with a step for each state row.
    pub(crate) fn states<'a>(&self, buffer: &Buffer, features: Features, shard: &'a Shard) -> SequencePtr<'a> {
        self.sequence(buffer, features, Extent::States(self.config.state_rows()), shard)
    }

    /// Chunks of time steps, as large as a buffer of this extent can hold, in the order of time or from the last to the first.
    pub(crate) fn chunks(&self, extent: Extent, shard: &Shard, from_end: bool) -> impl Iterator<Item = Range<usize>> {
        let rows = match (extent, self.layout) {
            (Extent::Chunk(_), Layout::FeatureMajor) => self.matrices(extent).saturating_mul(shard.count),
            (Extent::Chunk(rows), Layout::SampleMajor) => rows,
            _ => usize::MAX, // one chunk
        };
        shard.chunks(rows, from_end)
    }

    /// The distance from a group of `size` features to the next group.
    pub(crate) fn group_stride(&self, size: usize, shard: &Shard) -> usize {
        match self.layout {
            Layout::SampleMajor => self.padded(size),
            Layout::FeatureMajor => size * shard.padded,
        }
    }

    /// Rows and columns of a matrix of `samples` samples, with padding. In the feature-major layout they are all samples
    /// of the shard.
    pub(crate) fn matrix_shape(&self, features: Features, samples: usize, shard: &Shard) -> (usize, usize) {
        match self.layout {
            Layout::SampleMajor => (samples, features.groups * self.padded(features.size)),
            Layout::FeatureMajor => (features.count(), shard.padded),
        }
    }

    /// Numbers in the weights of one direction of the largest layer.
    pub(crate) fn layer_weights(&self) -> usize {
        let config = &self.config;
        let inputs = (0..config.num_layers).map(|layer| config.layer_input_size(layer) + config.state_size()).max();
        config.hidden_size * (config.cell.gates() * inputs.unwrap_or(0) + config.proj_size)
    }

    /// All column panels of c, and of h before its projection.
    pub(crate) fn cell_panels(&self) -> Panels {
        Panels { start: 0, end: self.padded_hidden().div_ceil(self.kernels.panel_width) }
    }

    /// All column panels of h.
    pub(crate) fn state_panels(&self) -> Panels {
        Panels { start: 0, end: self.padded(self.config.state_size()).div_ceil(self.kernels.panel_width) }
    }
}
