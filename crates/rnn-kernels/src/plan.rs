//! The plan of a call: its sizes, the memory layout, and the address of everything in the workspace.
//!
//! There are two memory layouts for the same numbers:
//!
//! - **Sample-major**: a row holds the features of one sample. SIMD vectors run along the features, which are padded to
//!   whole vectors. A step multiplies rows of h by packed weights.
//! - **Feature-major**: a row holds one feature of all samples of a shard. SIMD vectors run along the samples, which
//!   are padded to whole vectors. A step multiplies the weights, unpacked, by a matrix of samples. It is for networks
//!   that are too narrow to fill a vector with their features.
//!
//! In both layouts a shard of the batch is a sequence of matrices, one for each time step.

use crate::buffer_pool::Buffer;
use crate::config::Config;
use crate::kernels::instruction_set::Kernels;
use crate::pointers::SequencePtr;
use crate::tuning::MAX_FEATURE_MAJOR_HIDDEN_SIZE;

/// The memory layout of sequences in the workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    SampleMajor,
    FeatureMajor,
}

impl Layout {
    /// The faster layout.
    pub(crate) fn choose(config: &Config, batch: usize, kernels: &Kernels) -> Layout {
        if config.hidden_size <= MAX_FEATURE_MAJOR_HIDDEN_SIZE && batch >= kernels.lanes {
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

/// A part of the batch, which runs through all steps and layers independently of the other parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shard {
    /// Index of the first sample.
    pub first: usize,
    /// Number of samples.
    pub count: usize,
    /// Number of samples with the padding of the feature-major layout.
    pub padded: usize,
}

/// A range of the column panels of h: what one member of a team computes of a step.
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

/// The sizes of a call, and the memory layout.
#[derive(Clone)]
pub(crate) struct Plan {
    pub config: Config,
    pub kernels: &'static Kernels,
    pub layout: Layout,
    pub steps: usize,
    pub batch: usize,
}

impl Plan {
    /// The features of the input of `layer`.
    pub(crate) fn input_features(&self, layer: usize) -> Features {
        if layer == 0 { Features { groups: 1, size: self.config.input_size } } else { self.output_features() }
    }

    /// The features of the output of a layer.
    pub(crate) fn output_features(&self) -> Features {
        Features { groups: self.config.directions(), size: self.config.hidden_size }
    }

    /// The features of a state.
    pub(crate) fn state_features(&self) -> Features {
        Features { groups: 1, size: self.config.hidden_size }
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

    /// Row stride of the sample-major layout. If it were a power of two of many cache lines, all rows would map to the
    /// same cache sets. One more vector avoids these conflicts.
    fn row_stride(&self, features: Features) -> usize {
        let row = features.groups * self.padded(features.size);
        if row >= 64 && (row / self.kernels.lanes).is_multiple_of(2) { row + self.kernels.lanes } else { row }
    }

    /// Numbers that `features` take over `steps` steps, for the whole batch. An overflow gives `usize::MAX`, which
    /// cannot be allocated.
    pub(crate) fn buffer_len(&self, features: Features, steps: usize) -> usize {
        match self.layout {
            Layout::SampleMajor => steps.saturating_mul(self.batch).saturating_mul(self.row_stride(features)),
            Layout::FeatureMajor => steps.saturating_mul(features.count()).saturating_mul(self.padded(self.batch)),
        }
    }

    /// The part of a shard in a buffer of [`buffer_len`](Self::buffer_len) numbers.
    pub(crate) fn sequence(&self, buffer: &Buffer, features: Features, steps: usize, shard: &Shard) -> SequencePtr {
        let start = buffer.ptr();
        match self.layout {
            Layout::SampleMajor => {
                let row_stride = self.row_stride(features);
                let ptr = start.wrapping_add(shard.first * row_stride);
                SequencePtr { ptr, step_stride: self.batch * row_stride, row_stride }
            }
            Layout::FeatureMajor => SequencePtr {
                ptr: start.wrapping_add(shard.first * steps * features.count()),
                step_stride: features.count() * shard.padded,
                row_stride: shard.padded,
            },
        }
    }

    /// The distance from a group of `size` features to the next group.
    pub(crate) fn group_stride(&self, size: usize, shard: &Shard) -> usize {
        match self.layout {
            Layout::SampleMajor => self.padded(size),
            Layout::FeatureMajor => size * shard.padded,
        }
    }

    /// Rows and columns of the matrix of one step, with padding.
    pub(crate) fn matrix_shape(&self, features: Features, shard: &Shard) -> (usize, usize) {
        match self.layout {
            Layout::SampleMajor => (shard.count, features.groups * self.padded(features.size)),
            Layout::FeatureMajor => (features.count(), shard.padded),
        }
    }

    /// Numbers in the weights of one direction of the largest layer.
    pub(crate) fn layer_weights(&self) -> usize {
        let config = &self.config;
        let inputs = (0..config.num_layers).map(|layer| config.layer_input_size(layer) + config.hidden_size).max();
        config.cell.gates() * config.hidden_size * inputs.unwrap_or(0)
    }

    /// All column panels of h.
    pub(crate) fn panels(&self) -> Panels {
        Panels { start: 0, end: self.padded_hidden().div_ceil(self.kernels.panel_width) }
    }
}
