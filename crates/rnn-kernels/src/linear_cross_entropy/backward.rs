//! The gradients of the input and of the parameters.

use std::ops::Range;

use super::{CrossEntropyTape, LinearGradients, PaddedRows, Sizes};
use crate::buffer_pool::Buffer;
use crate::error::{Result, check_length};
use crate::kernels::gemm::{Init, PanelProduct, Term};
use crate::pointers::{MatrixPtr, blocks, part};
use crate::threads::{ThreadPool, for_each_dynamic};
use crate::tuning::{GRADIENT_DEPTH_BLOCK, SCORE_ROWS, TASK_ROWS};

impl CrossEntropyTape {
    /// Computes the gradients of `factor` times the sum of the losses. `x` and `weight` are those of the forward pass.
    ///
    /// # Errors
    /// [`Error::Length`](crate::Error::Length) for slices that do not fit, [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn backward(
        &self,
        x: &[f32],
        weight: &[f32],
        factor: f32,
        wanted: LinearGradients<'_>,
        pool: &dyn ThreadPool,
    ) -> Result<()> {
        let Sizes { examples, features, classes } = self.sizes;
        check_length("x", x, examples * features)?;
        check_length("weight", weight, classes * features)?;
        for (name, gradient, expected) in [
            ("the gradient of x", &wanted.x, x.len()),
            ("the gradient of the weight", &wanted.weight, weight.len()),
            ("the gradient of the bias", &wanted.bias, classes),
        ] {
            gradient.as_deref().map_or(Ok(()), |gradient| check_length(name, gradient, expected))?;
        }
        if let Some(d_x) = wanted.x {
            self.input_gradient(weight, factor, d_x, pool)?;
        }
        if wanted.weight.is_some() || wanted.bias.is_some() {
            self.parameter_gradients(x, factor, wanted.weight, wanted.bias, pool)?;
        }
        Ok(())
    }

    /// `d_x = factor d_scores weight`
    fn input_gradient(&self, weight: &[f32], factor: f32, d_x: &mut [f32], pool: &dyn ThreadPool) -> Result<()> {
        let Sizes { examples, features, classes } = self.sizes;
        let (stride, threads) = (self.sizes.score_stride(), self.sizes.threads(pool));
        let weight = PaddedRows::new(weight, features, self.kernels.lanes)?;
        let blocks = examples.div_ceil(SCORE_ROWS);
        let sums = Sums::new(self, threads, SCORE_ROWS.min(examples))?;
        let d_x = MatrixPtr { ptr: d_x.as_mut_ptr(), row_stride: features };
        for_each_dynamic(pool, threads, blocks, &|block, thread| {
            let rows = part(examples, block, blocks);
            let d_scores = MatrixPtr { ptr: self.d_scores.ptr(), row_stride: stride }.skip_rows(rows.start);
            let terms = blocks_of(classes).map(|depth| Term {
                a: d_scores.skip_columns(depth.start).ptr,
                a_row_stride: stride,
                a_column_stride: 1,
                b: weight.matrix.skip_rows(depth.start).ptr,
                b_row_stride: weight.matrix.row_stride,
                depth: depth.len(),
            });
            let to = d_x.skip_rows(rows.start);
            // SAFETY: `backward` checked the lengths, and each block of rows runs once.
            unsafe { sums.compute(thread, rows.len(), sums.width, terms, factor, features, to) };
        });
        Ok(())
    }

    /// `d_weight = factor d_scoresᵀ x`, `d_bias = factor (sum of the rows of d_scores)`
    fn parameter_gradients(
        &self,
        x: &[f32],
        factor: f32,
        d_weight: Option<&mut [f32]>,
        d_bias: Option<&mut [f32]>,
        pool: &dyn ThreadPool,
    ) -> Result<()> {
        static ONE: f32 = 1.0;
        let Sizes { examples, features, classes } = self.sizes;
        let (stride, threads) = (self.sizes.score_stride(), self.sizes.threads(pool));
        let x = PaddedRows::new(x, features, self.kernels.lanes)?;
        let stripes = classes.div_ceil(TASK_ROWS);
        let sums = Sums::new(self, threads, TASK_ROWS.min(classes))?;
        let d_weight = d_weight.map(|d| MatrixPtr { ptr: d.as_mut_ptr(), row_stride: features });
        let d_bias = d_bias.map(|d| MatrixPtr { ptr: d.as_mut_ptr(), row_stride: 0 });
        for_each_dynamic(pool, threads, stripes, &|stripe, thread| {
            let first_class = stripe * TASK_ROWS;
            let rows = TASK_ROWS.min(classes - first_class);
            let d_scores = MatrixPtr { ptr: self.d_scores.at(first_class), row_stride: stride };
            if let Some(d_weight) = d_weight {
                let terms = blocks_of(examples).map(|depth| Term {
                    a: d_scores.skip_rows(depth.start).ptr, // transposed
                    a_row_stride: 1,
                    a_column_stride: stride,
                    b: x.matrix.skip_rows(depth.start).ptr,
                    b_row_stride: x.matrix.row_stride,
                    depth: depth.len(),
                });
                let to = d_weight.skip_rows(first_class);
                // SAFETY: `backward` checked the lengths, and each stripe of classes runs once.
                unsafe { sums.compute(thread, rows, sums.width, terms, factor, features, to) };
            }
            if let Some(d_bias) = d_bias {
                let terms = blocks_of(examples).map(|depth| Term {
                    a: &ONE, // a row of ones
                    a_row_stride: 0,
                    a_column_stride: 0,
                    b: d_scores.skip_rows(depth.start).ptr,
                    b_row_stride: stride,
                    depth: depth.len(),
                });
                let (width, to) = (rows.next_multiple_of(self.kernels.lanes), d_bias.skip_columns(first_class));
                // SAFETY: as above. A row of the gradients is padded to whole vectors. This one row of `width` sums has
                // at most as many numbers as the `rows` rows of the weight, which have a whole vector at least.
                unsafe { sums.compute(thread, 1, width, terms, factor, rows, to) };
            }
        });
        Ok(())
    }
}

/// Cuts the depth of a product into blocks.
fn blocks_of(depth: usize) -> impl Iterator<Item = Range<usize>> {
    blocks(depth, GRADIENT_DEPTH_BLOCK)
}

/// Memory for the sums of one task of each thread.
struct Sums<'a> {
    tape: &'a CrossEntropyTape,
    buffer: Buffer,
    /// Numbers for each thread.
    len: usize,
    /// The features, padded to whole vectors.
    width: usize,
}

impl<'a> Sums<'a> {
    fn new(tape: &'a CrossEntropyTape, threads: usize, rows: usize) -> Result<Sums<'a>> {
        let width = tape.sizes.features.next_multiple_of(tape.kernels.lanes);
        let len = rows.saturating_mul(width);
        Ok(Sums { tape, buffer: Buffer::new(threads.saturating_mul(len))?, len, width })
    }

    /// Adds up products of `rows` rows and `width` columns, and writes the first `columns` columns, times `factor`.
    ///
    /// # Safety
    /// - `rows * width` is at most `len`, and no other thread uses this `thread`'s memory.
    /// - The terms are valid for these sizes. `to` is an array of the caller with these rows and columns. No other thread
    ///   uses these rows of it.
    #[allow(clippy::too_many_arguments)]
    unsafe fn compute(
        &self,
        thread: usize,
        rows: usize,
        width: usize,
        terms: impl Iterator<Item = Term>,
        factor: f32,
        columns: usize,
        to: MatrixPtr,
    ) {
        let kernels = self.tape.kernels;
        debug_assert!(rows * width <= self.len, "{rows} x {width} sums");
        let sums = MatrixPtr { ptr: self.buffer.at(thread * self.len), row_stride: width };
        let mut init = Init::Zero;
        for term in terms {
            let product = PanelProduct {
                rows,
                vectors: width / kernels.lanes,
                terms: &[term],
                b_panel_stride: kernels.panel_width, // the rows of B are not cut into panels
                c: sums.ptr,
                c_row_stride: width,
                init,
            };
            // SAFETY: the CPU supports the instruction set. The rest is the caller's guarantee.
            unsafe { (kernels.panel_product)(&product) };
            init = Init::AccumulateAtEnd;
        }
        for row in 0..rows {
            for column in 0..columns {
                // SAFETY: the caller's guarantee.
                unsafe { *to.at(row, column) = factor * *sums.at(row, column) };
            }
        }
    }
}
