//! Weights packed into column panels, so that the micro-kernel reads them as one sequential stream.

use std::ops::Range;

use crate::buffer_pool::Buffer;
use crate::error::Result;
use crate::plan::{Features, Panels, Plan};

/// A matrix of `depth` rows whose columns are packed into panels: each group of columns is padded to whole vectors and
/// cut into panels as wide as the widest micro-kernel. The rows of a panel are contiguous.
pub(crate) struct PackedMatrix {
    buffer: Buffer,
    depth: usize,
    groups: usize,
    /// Columns of a group, with padding.
    padded: usize,
    panel_width: usize,
}

/// A panel of a [`PackedMatrix`].
pub(crate) struct PackedPanel {
    pub group: usize,
    /// The columns of the panel within their group, with padding.
    pub columns: Range<usize>,
    /// The offset of the panel in the buffer.
    offset: usize,
}

/// Where the numbers of a matrix are: the distances between groups of columns, between rows, and between columns.
pub(crate) struct Strides {
    pub group: usize,
    pub row: usize,
    pub column: usize,
}

impl PackedMatrix {
    /// Packs a matrix. Padding becomes zero.
    pub(crate) fn pack(
        plan: &Plan,
        depth: usize,
        columns: Features,
        matrix: &[f32],
        strides: Strides,
    ) -> Result<PackedMatrix> {
        /// Columns that are packed together, so that the cache lines of `matrix` are used while they are in the cache.
        const BLOCK: usize = 16;
        let (groups, padded) = (columns.groups, plan.padded(columns.size));
        let buffer = Buffer::new(depth * groups * padded)?;
        let mut packed = PackedMatrix { buffer, depth, groups, padded, panel_width: plan.kernels.panel_width };
        for panel in packed.panels(Panels { start: 0, end: packed.panels_per_group() }) {
            let (start, width) = (panel.group * strides.group, panel.columns.len());
            let rows = &mut packed.buffer.as_mut_slice()[panel.offset..][..depth * width];
            for first in (0..width).step_by(BLOCK) {
                let block = first..(first + BLOCK).min(width);
                for (row, to) in rows.chunks_exact_mut(width).enumerate() {
                    for (to, column) in to[block.clone()].iter_mut().zip(panel.columns.start + first..) {
                        let padding = column >= columns.size;
                        *to = if padding { 0.0 } else { matrix[start + row * strides.row + column * strides.column] };
                    }
                }
            }
        }
        Ok(packed)
    }

    /// Panels in a group.
    pub(crate) fn panels_per_group(&self) -> usize {
        self.padded.div_ceil(self.panel_width)
    }

    /// The given panels of every group.
    pub(crate) fn panels(&self, panels: Panels) -> impl Iterator<Item = PackedPanel> + use<> {
        let PackedMatrix { depth, groups, padded, panel_width, .. } = *self;
        (0..groups).flat_map(move |group| {
            (panels.start..panels.end).map(move |panel| {
                let columns = panel * panel_width..((panel + 1) * panel_width).min(padded);
                PackedPanel { group, offset: (group * padded + columns.start) * depth, columns }
            })
        })
    }

    /// The address of row `row` of a panel.
    pub(crate) fn row(&self, panel: &PackedPanel, row: usize) -> *const f32 {
        self.buffer.at(panel.offset + row * panel.columns.len())
    }
}
