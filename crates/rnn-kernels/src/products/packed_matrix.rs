//! Weights packed into column panels, so that the micro-kernel reads them as one sequential stream.

use std::ops::Range;

use crate::buffer_pool::Buffer;
use crate::error::Result;
use crate::kernels::instruction_set::Kernels;
use crate::plan::{Features, Panels};

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

/// One panel of a [`PackedMatrix`], or adjacent panels of full width.
pub(crate) struct PackedPanels {
    pub group: usize,
    /// The columns of the panels within their group, with padding.
    pub columns: Range<usize>,
    /// Columns of each panel.
    pub width: usize,
    /// The offset of the first panel in the buffer.
    offset: usize,
}

/// Where the numbers of a matrix are: the distances between groups of columns, between rows, and between columns. The last
/// or the one before is 1.
pub(crate) struct Strides {
    pub group: usize,
    pub row: usize,
    pub column: usize,
}

impl PackedMatrix {
    /// Packs a matrix. Padding becomes zero.
    pub(crate) fn pack(
        kernels: &Kernels,
        depth: usize,
        columns: Features,
        matrix: &[f32],
        strides: Strides,
    ) -> Result<PackedMatrix> {
        let (groups, padded) = (columns.groups, columns.size.next_multiple_of(kernels.lanes));
        let buffer = Buffer::new(depth * groups * padded)?;
        let mut packed = PackedMatrix { buffer, depth, groups, padded, panel_width: kernels.panel_width };
        for panels in packed.panels(Panels { start: 0, end: packed.panels_per_group() }) {
            let (start, width) = (panels.group * strides.group, panels.width);
            let all = &mut packed.buffer.as_mut_slice()[panels.offset..][..depth * panels.columns.len()];
            for (rows, first_column) in all.chunks_exact_mut(depth * width).zip(panels.columns.step_by(width)) {
                let count = width.min(columns.size - first_column);
                pack_panel(rows, width, count, &matrix[start + first_column * strides.column..], &strides);
            }
        }
        Ok(packed)
    }

    /// Panels in a group.
    pub(crate) fn panels_per_group(&self) -> usize {
        self.padded.div_ceil(self.panel_width)
    }

    /// The given panels of every group: those of full width together, then the last one if it is narrower.
    pub(crate) fn panels(&self, panels: Panels) -> impl Iterator<Item = PackedPanels> + use<> {
        let PackedMatrix { depth, groups, padded, panel_width, .. } = *self;
        let start = panels.start * panel_width;
        let full = (panels.end * panel_width).min(padded / panel_width * panel_width).max(start);
        let end = (panels.end * panel_width).min(padded).max(full);
        (0..groups).flat_map(move |group| {
            let parts = [(start..full, panel_width), (full..end, end - full)];
            parts.into_iter().filter(|(columns, _)| !columns.is_empty()).map(move |(columns, width)| PackedPanels {
                group,
                offset: (group * padded + columns.start) * depth,
                columns,
                width,
            })
        })
    }

    /// The address of row `row` of the first of these panels.
    pub(crate) fn row(&self, panels: &PackedPanels, row: usize) -> *const f32 {
        self.buffer.at(panels.offset + row * panels.width)
    }

    /// The distance from a panel to the next.
    pub(crate) fn panel_stride(&self) -> usize {
        self.depth * self.panel_width
    }
}

/// Packs a panel: `count` columns of a matrix, padded to `width`. `from` starts with the first of its numbers.
fn pack_panel(panel: &mut [f32], width: usize, count: usize, from: &[f32], strides: &Strides) {
    if strides.column == 1 {
        for (row, to) in panel.chunks_exact_mut(width).enumerate() {
            to[..count].copy_from_slice(&from[row * strides.row..][..count]);
            to[count..].fill(0.0);
        }
        return;
    }
    /// Rows and columns that are transposed together: each of their cache lines is read and written once.
    const TILE: usize = 16;
    debug_assert_eq!(strides.row, 1, "the columns of the matrix are contiguous");
    for (first_row, rows) in (0..).step_by(TILE).zip(panel.chunks_mut(TILE * width)) {
        let depth = rows.len() / width;
        for first in (0..width).step_by(TILE) {
            let mut tile = [[0.0; TILE]; TILE];
            for (column, numbers) in (first..count).zip(&mut tile) {
                numbers[..depth].copy_from_slice(&from[first_row + column * strides.column..][..depth]);
            }
            let block = first..(first + TILE).min(width);
            for (row, to) in rows.chunks_exact_mut(width).enumerate() {
                for (to, numbers) in to[block.clone()].iter_mut().zip(&tile) {
                    *to = numbers[row];
                }
            }
        }
    }
}
