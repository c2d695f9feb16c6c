//! The scores, the losses, and the gradients of the losses with respect to the scores.

use super::{LinearCrossEntropy, Sizes};
use crate::buffer_pool::Buffer;
use crate::error::Result;
use crate::kernels::gemm::{Init, PanelProduct, Term};
use crate::kernels::instruction_set::Kernels;
use crate::kernels::softmax::SoftmaxRows;
use crate::plan::{Features, Panels};
use crate::pointers::{MatrixPtr, part};
use crate::products::packed_matrix::{PackedMatrix, Strides};
use crate::threads::{Serial, ThreadPool, for_each_dynamic, map};
use crate::tuning::{SCORE_ROWS, TASK_ROWS};

impl LinearCrossEntropy<'_> {
    /// Computes the losses and, in `d_scores`, their gradients.
    pub(super) fn compute_losses(
        &self,
        sizes: Sizes,
        kernels: &'static Kernels,
        losses: &mut [f32],
        d_scores: Option<&Buffer>,
        pool: &dyn ThreadPool,
    ) -> Result<()> {
        let Sizes { examples, features, classes } = sizes;
        let (stride, threads) = (sizes.score_stride(), sizes.threads(pool));
        let stripes = classes.div_ceil(TASK_ROWS);
        let pack = |stripe: usize| {
            let rows = stripe * TASK_ROWS..((stripe + 1) * TASK_ROWS).min(classes);
            let columns = Features { groups: 1, size: rows.len() };
            let part = &self.weight[rows.start * features..rows.end * features];
            PackedMatrix::pack(kernels, features, columns, part, Strides { group: 0, row: 1, column: features })
        };
        let weights = map(if threads == 1 { &Serial } else { pool }, stripes, pack)?;
        let mut bias = Buffer::new(stride)?;
        bias.as_mut_slice().fill(0.0);
        if let Some(given) = self.bias {
            bias.as_mut_slice()[..classes].copy_from_slice(given);
        }
        // Without a tape each thread uses the memory of a block again for the next one.
        let blocks = examples.div_ceil(SCORE_ROWS);
        let block_len = SCORE_ROWS.min(examples).saturating_mul(stride);
        let workspace = Buffer::new(if d_scores.is_some() { 0 } else { threads.saturating_mul(block_len) })?;
        let losses = MatrixPtr { ptr: losses.as_mut_ptr(), row_stride: 1 };
        for_each_dynamic(pool, threads, blocks, &|block, thread| {
            let examples = part(examples, block, blocks);
            let (first, rows) = (examples.start, examples.len());
            let c = match d_scores {
                Some(d_scores) => d_scores.at(first * stride),
                None => workspace.at(thread * block_len),
            };
            for (stripe, weights) in weights.iter().enumerate() {
                for panels in weights.panels(Panels { start: 0, end: weights.panels_per_group() }) {
                    let column = stripe * TASK_ROWS + panels.columns.start;
                    let product = PanelProduct {
                        rows,
                        vectors: panels.columns.len() / kernels.lanes,
                        terms: &[Term {
                            a: self.x[first * features..].as_ptr(),
                            a_row_stride: features,
                            a_column_stride: 1,
                            b: weights.row(&panels, 0),
                            b_row_stride: panels.width,
                            depth: features,
                        }],
                        b_panel_stride: weights.panel_stride(),
                        c: c.wrapping_add(column),
                        c_row_stride: stride,
                        init: Init::ColumnBias(bias.at(column)),
                    };
                    // SAFETY: the CPU supports the instruction set. `check` checked the lengths. A row of the scores and
                    // the bias have room for the padded columns of all stripes, which start at whole vectors. The rows
                    // of the block, or the workspace of this thread, are used by this thread only.
                    unsafe { (kernels.panel_product)(&product) };
                }
            }
            let operands = SoftmaxRows {
                rows,
                columns: classes,
                scores: c,
                row_stride: stride,
                targets: self.targets[examples].as_ptr(),
                losses: losses.skip_rows(first).ptr,
                gradients: d_scores.is_some(),
            };
            // SAFETY: as above. The targets were checked, and each block runs once.
            unsafe { (kernels.cross_entropy)(&operands) };
        });
        Ok(())
    }
}
