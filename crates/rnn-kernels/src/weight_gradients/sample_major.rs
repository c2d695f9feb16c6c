//! The weight gradients in the sample-major layout: matrix products of d gates, transposed, and the input.

use std::ops::Range;

use super::tasks::{RowBlock, Task, Weight, WeightGradients};
use crate::activations::Storage;
use crate::buffer_pool::Buffer;
use crate::error::Result;
use crate::gradient_buffers::StepGradients;
use crate::kernels::gemm::{Init, PanelProduct, Term};
use crate::pointers::{MatrixPtr, RowPair, SequencePtr};
use crate::shard::{Shard, StepRows, TimeOrder};
use crate::tuning::{BLOCK_ROWS, GRADIENT_DEPTH_BLOCK, TASK_ROWS};

/// Memory for the sums of some blocks of rows, with `width` padded columns, and of their biases.
#[derive(Clone, Copy)]
struct Accumulator {
    ptr: *mut f32,
    width: usize,
    blocks: usize,
}

impl Accumulator {
    fn len(width: usize, blocks: usize) -> usize {
        blocks * BLOCK_ROWS * (width + 1)
    }

    /// The sums of the weight for a block of rows.
    fn weight(self, block: usize) -> MatrixPtr {
        MatrixPtr { ptr: self.ptr.wrapping_add(block * BLOCK_ROWS * self.width), row_stride: self.width }
    }

    /// The sums of the bias for a block of rows, as one row.
    fn bias(self, block: usize) -> MatrixPtr {
        MatrixPtr { ptr: self.ptr.wrapping_add(BLOCK_ROWS * (self.blocks * self.width + block)), row_stride: 0 }
    }
}

/// The weight gradients of one thread: for each layer and direction an accumulator for each [`Weight`].
pub(crate) struct PartialGradients(Vec<Vec<Buffer>>);

impl WeightGradients<'_> {
    /// Memory for the accumulator of any task.
    pub(super) fn task_workspace(&self) -> Result<Buffer> {
        let layers = 0..self.plan.config.num_layers;
        let widths = layers.flat_map(|layer| self.weights().iter().map(move |weight| self.width(layer, *weight)));
        Buffer::new(Accumulator::len(widths.max().unwrap_or(0), TASK_ROWS / BLOCK_ROWS))
    }

    /// Columns of a weight, with padding.
    fn width(&self, layer: usize, weight: Weight) -> usize {
        let features = self.features(layer, weight);
        features.groups * self.plan.padded(features.size)
    }

    /// Memory for the weight gradients of a thread.
    pub(crate) fn partial(&self) -> Result<PartialGradients> {
        let config = self.plan.config;
        let buffers = |state_row: usize| {
            let width = |weight| self.width(state_row / config.directions(), weight);
            let len = |weight| Accumulator::len(width(weight), self.row_blocks(weight).len());
            self.weights().iter().map(|weight| Buffer::new(len(*weight))).collect()
        };
        Ok(PartialGradients((0..config.state_rows()).map(buffers).collect::<Result<_>>()?))
    }

    /// Adds the weight gradients of a shard at `steps` of a layer and direction to `partial`; with `first` replaces its
    /// contents. `gradients` starts with the first of `steps`.
    ///
    /// # Safety
    /// The gradients of these steps are complete, and no other thread uses `partial` or writes the operands.
    pub(crate) unsafe fn add_chunk(
        &self,
        partial: &PartialGradients,
        (layer, direction): (usize, usize),
        shard: &Shard,
        steps: Range<usize>,
        gradients: StepGradients<'_>,
        first: bool,
    ) {
        let init = if first { Init::Zero } else { Init::AccumulateAtEnd };
        for &weight in self.weights() {
            let task = Task { layer, direction, weight, blocks: self.row_blocks(weight) };
            let buffer = &partial.0[self.plan.state_row(layer, direction)][weight as usize];
            let to = Accumulator { ptr: buffer.ptr(), width: self.width(layer, weight), blocks: task.blocks.len() };
            let operands = self.operands(&task, shard, steps.clone(), gradients);
            // SAFETY: the buffer was made by `partial` for this weight and all of its blocks. The rest is the caller's
            // guarantee.
            unsafe { self.accumulate(&task, &operands, to, init) };
        }
    }

    /// Adds up the weight gradients of all threads for a layer and direction, and writes them to the caller.
    ///
    /// # Safety
    /// The backward pass of all shards has finished. No other thread uses the partial gradients or the targets of this
    /// layer and direction. The targets have the sizes of the parameters.
    pub(crate) unsafe fn finish(&self, partials: &[PartialGradients], state_row: usize) {
        let directions = self.plan.config.directions();
        let (layer, direction) = (state_row / directions, state_row % directions);
        for &weight in self.weights() {
            let task = Task { layer, direction, weight, blocks: self.row_blocks(weight) };
            let mut buffers = partials.iter().map(|partial| &partial.0[state_row][weight as usize]);
            let Some(total) = buffers.next() else { return };
            for buffer in buffers {
                // SAFETY: the two are different buffers of the same length, and no other thread uses them.
                let (sums, more) = unsafe {
                    let sums = std::slice::from_raw_parts_mut(total.ptr(), total.len());
                    (sums, std::slice::from_raw_parts(buffer.ptr(), total.len()))
                };
                sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
            }
            let sums = Accumulator { ptr: total.ptr(), width: self.width(layer, weight), blocks: task.blocks.len() };
            // SAFETY: the buffer was made by `partial` for this weight and all of its blocks. The rest is the caller's
            // guarantee.
            unsafe { self.store(&task, sums) };
        }
    }

    /// The operands of a task at the given steps: rows of d gates (for W_hr, of d h), and of what the forward pass
    /// multiplied the weight by. `gradients` starts with the first of `steps`.
    fn operands(&self, task: &Task, shard: &Shard, steps: Range<usize>, gradients: StepGradients<'_>) -> Vec<RowPair> {
        let (plan, activations) = (self.plan, self.activations);
        let same_step = |a: SequencePtr<'_>, b: SequencePtr<'_>| {
            let pair = |(i, step)| RowPair { a: a.step(i), b: b.step(step), rows: shard.rows(step) };
            RowPair::join(steps.clone().enumerate().map(pair)).collect()
        };
        let d_gates = gradients.gates;
        match (task.weight, gradients.projected) {
            (Weight::Input, _) => return same_step(d_gates, activations.input(plan, task.layer, shard)),
            (Weight::Projection, Some(d_h)) => {
                let saved = &activations.layers[task.layer].directions[task.direction];
                let (features, extent) = (plan.cell_features(), Storage::FOR_BACKWARD.c);
                return same_step(d_h, plan.sequence(&saved.unprojected, features, extent, shard));
            }
            _ => {}
        }
        let order = TimeOrder { shard, reverse: task.direction == 1 };
        let h = activations.h(plan, task.layer, task.direction, shard);
        let h_0 = activations.h_0(plan, plan.state_row(task.layer, task.direction), shard);
        let pairs = steps.enumerate().flat_map(|(i, step)| {
            order.rows(step).map(move |StepRows { rows, previous }| RowPair {
                a: d_gates.step(i).skip_rows(rows.start),
                b: previous.map_or(h_0, |previous| h.step(previous)).skip_rows(rows.start),
                rows: rows.len(),
            })
        });
        RowPair::join(pairs).collect()
    }

    /// `d weight[m][n] = sum over steps and samples of d_gates[row][m] input[row][n]`
    ///
    /// # Safety
    /// The backward pass of all shards has finished. Nothing else uses `workspace` and these rows of the target, which
    /// has the sizes of the parameters.
    pub(super) unsafe fn compute_sample_major(&self, task: &Task, workspace: &Buffer) {
        let (plan, state_row) = (self.plan, self.plan.state_row(task.layer, task.direction));
        let width = self.width(task.layer, task.weight);
        let sums = Accumulator { ptr: workspace.ptr(), width, blocks: task.blocks.len() };
        let operands = plan.shards.iter().flat_map(|shard| {
            self.operands(task, shard, 0..shard.steps, self.gradients.steps(plan, state_row, 0, shard))
        });
        let mut init = Init::Zero;
        let (mut block, mut rows) = (Vec::new(), 0);
        let mut accumulate = |block: &mut Vec<RowPair>| {
            // SAFETY: the workspace holds the accumulator of any task. The rest is the caller's guarantee.
            unsafe { self.accumulate(task, block, sums, init) };
            init = Init::AccumulateAtEnd;
            block.clear();
        };
        for part in operands.flat_map(|all| all.blocks(GRADIENT_DEPTH_BLOCK)) {
            if rows + part.rows > GRADIENT_DEPTH_BLOCK {
                accumulate(&mut block);
                rows = 0;
            }
            rows += part.rows;
            block.push(part);
        }
        accumulate(&mut block);
        // SAFETY: as above.
        unsafe { self.store(task, sums) };
    }

    /// Adds the products of the operands to the sums of all blocks.
    ///
    /// # Safety
    /// The operands are rows of this plan's buffers, `sums` has the width of the weight and the blocks of the task. No
    /// other thread accesses `sums` or writes the operands.
    unsafe fn accumulate(&self, task: &Task, operands: &[RowPair], sums: Accumulator, init: Init) {
        static ONE: f32 = 1.0;
        let (plan, kernels, target) = (self.plan, self.plan.kernels, self.target(task));
        let multiply = |rows, term: &dyn Fn(&RowPair) -> Term, c: MatrixPtr, width| {
            let terms: Vec<Term> = operands.iter().map(term).collect();
            let vectors = width / kernels.lanes;
            let (c, c_row_stride, b_panel_stride) = (c.ptr, c.row_stride, kernels.panel_width);
            let product = PanelProduct { rows, vectors, terms: &terms, b_panel_stride, c, c_row_stride, init };
            // SAFETY: the CPU supports the instruction set, because the plan has its kernels. The panels of C are inside
            // the accumulator. The rest is the caller's guarantee.
            unsafe { (kernels.panel_product)(&product) };
        };
        let gate_column = |block: &RowBlock| self.gate_block(task, block) * plan.padded_hidden() + block.rows.start;
        if target.weight.is_some() {
            for column in (0..sums.width).step_by(kernels.panel_width) {
                let width = kernels.panel_width.min(sums.width - column);
                for (i, block) in task.blocks.iter().enumerate() {
                    let gate_column = gate_column(block);
                    let term = |part: &RowPair| Term {
                        a: part.a.skip_columns(gate_column).ptr, // transposed
                        a_row_stride: 1,
                        a_column_stride: part.a.row_stride,
                        b: part.b.skip_columns(column).ptr,
                        b_row_stride: part.b.row_stride,
                        depth: part.rows,
                    };
                    multiply(block.rows.len(), &term, sums.weight(i).skip_columns(column), width);
                }
            }
        }
        if target.bias.is_some() {
            for (i, block) in task.blocks.iter().enumerate() {
                let gate_column = gate_column(block);
                let ones = |part: &RowPair| Term {
                    a: &ONE, // a row of ones
                    a_row_stride: 0,
                    a_column_stride: 0,
                    b: part.a.skip_columns(gate_column).ptr,
                    b_row_stride: part.a.row_stride,
                    depth: part.rows,
                };
                multiply(1, &ones, sums.bias(i), plan.padded(block.rows.len()));
            }
        }
    }

    /// Copies the sums of a weight and of a bias to the caller, without the padding.
    ///
    /// # Safety
    /// `sums` has the width of the weight and the blocks of the task. The target has the sizes of the parameters. No
    /// other thread uses `sums` or these rows of the target.
    unsafe fn store(&self, task: &Task, sums: Accumulator) {
        let (features, target) = (self.features(task.layer, task.weight), self.target(task));
        let padded = self.plan.padded(features.size);
        for (i, block) in task.blocks.iter().enumerate() {
            let weight_row = self.weight_row(block);
            // SAFETY: the rows of the block exist in the target, and the groups of features are inside a row of both.
            // The accumulator and the target are different allocations.
            unsafe {
                if let Some(weight) = target.weight {
                    for (row, group) in
                        (0..block.rows.len()).flat_map(|row| (0..features.groups).map(move |g| (row, g)))
                    {
                        let to = weight.at(weight_row + row, group * features.size);
                        to.copy_from_nonoverlapping(sums.weight(i).at(row, group * padded), features.size);
                    }
                }
                if let Some(bias) = target.bias {
                    bias.at(weight_row, 0).copy_from_nonoverlapping(sums.bias(i).ptr, block.rows.len());
                }
            }
        }
    }
}
