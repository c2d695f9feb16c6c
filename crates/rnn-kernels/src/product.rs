//! A product of matrices by the tiles of the steps, for measuring them beside other libraries.

use crate::buffer::Buffer;
use crate::error::{Error, Result, check_length};
use crate::gemm::{Panel, Start, Term};
use crate::isa::InstructionSet;

/// A matrix on the right-hand side, packed.
pub struct Right {
    set: InstructionSet,
    panels: Buffer,
    depth: usize,
    columns: usize,
}

impl Right {
    /// Packs `b`, `depth` x `columns`; `columns` is a multiple of 64.
    ///
    /// # Errors
    /// If the length does not fit, or `columns` is not a multiple of 64.
    pub fn pack(set: InstructionSet, b: &[f32], depth: usize, columns: usize) -> Result<Right> {
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
        let panels = Buffer::new(b.len())?;
        let width = set.0.panel;
        for (i, number) in b.iter().enumerate() {
            let (row, column) = (i / columns, i % columns);
            // SAFETY: every number has its own place among as many.
            unsafe { *panels.at(column / width * width * depth + row * width + column % width) = *number };
        }
        Ok(Right { set, panels, depth, columns })
    }

    /// `c = a b`; `a` is rows x depth, `c` rows x columns.
    ///
    /// # Errors
    /// If a length does not fit.
    pub fn multiply(&self, a: &[f32], c: &mut [f32]) -> Result<()> {
        let rows = a.len() / self.depth;
        check_length("a", a, rows * self.depth)?;
        check_length("c", c, rows * self.columns)?;
        let width = self.set.0.panel;
        for column in (0..self.columns).step_by(width) {
            let b = self.panels.at(column * self.depth);
            let terms = &[Term { a: a.as_ptr(), a_row: self.depth, a_col: 1, b, b_row: width, depth: self.depth }];
            let panel = Panel {
                rows,
                vectors: width / self.set.0.lanes,
                terms,
                c: c[column..].as_mut_ptr(),
                c_row: self.columns,
                start: Start::Zero,
            };
            // SAFETY: the lengths were checked, and the CPU has the instruction set.
            unsafe { (self.set.0.gemm)(&panel) };
        }
        Ok(())
    }
}
