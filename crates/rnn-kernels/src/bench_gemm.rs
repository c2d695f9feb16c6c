//! A matrix product on the micro-kernel, so that `cargo bench` can compare it with other libraries. Not part of the
//! public API.

use crate::buffer_pool::Buffer;
use crate::error::{Error, Result, check_length};
use crate::kernels::gemm::{Init, PanelProduct, Term};
use crate::kernels::instruction_set::InstructionSet;

/// The right-hand matrix of a product, packed.
pub struct PackedRight {
    set: InstructionSet,
    panels: Buffer,
    depth: usize,
    columns: usize,
}

impl PackedRight {
    /// Packs `b`, of `depth` rows and `columns` columns.
    ///
    /// # Errors
    /// If the length of `b` is wrong, or `columns` is not a multiple of 64.
    pub fn pack(set: InstructionSet, b: &[f32], depth: usize, columns: usize) -> Result<PackedRight> {
        if columns == 0 || !columns.is_multiple_of(64) {
            return Err(Error::Length {
                what: "columns",
                expected: columns.next_multiple_of(64).max(64),
                got: columns,
            });
        }
        if depth == 0 {
            return Err(Error::ZeroSize { name: "the depth" });
        }
        check_length("b", b, depth.saturating_mul(columns))?;
        let mut panels = Buffer::new(b.len())?;
        let width = set.0.panel_width;
        for (i, number) in b.iter().enumerate() {
            let (row, column) = (i / columns, i % columns);
            panels.as_mut_slice()[column / width * width * depth + row * width + column % width] = *number;
        }
        Ok(PackedRight { set, panels, depth, columns })
    }

    /// `c = a b`, where `a` has `depth` columns.
    ///
    /// # Errors
    /// If a length is wrong.
    pub fn multiply(&self, a: &[f32], c: &mut [f32]) -> Result<()> {
        let rows = a.len() / self.depth;
        check_length("a", a, rows * self.depth)?;
        check_length("c", c, rows * self.columns)?;
        let kernels = self.set.0;
        let product = PanelProduct {
            rows,
            vectors: self.columns / kernels.lanes,
            terms: &[Term {
                a: a.as_ptr(),
                a_row_stride: self.depth,
                a_column_stride: 1,
                b: self.panels.ptr(),
                b_row_stride: kernels.panel_width,
                depth: self.depth,
            }],
            b_panel_stride: self.depth * kernels.panel_width,
            c: c.as_mut_ptr(),
            c_row_stride: self.columns,
            init: Init::Zero,
        };
        // SAFETY: the lengths were checked above, `c` is borrowed exclusively, and the CPU supports the instruction set.
        unsafe { (kernels.panel_product)(&product) };
        Ok(())
    }
}
