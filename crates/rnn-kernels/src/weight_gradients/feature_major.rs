//! The weight gradients in the feature-major layout: dot products of rows of d gates and rows of the input.

use super::tasks::{Task, Weight, WeightGradients};
use crate::kernels::dot_products::{DotProducts, Segments};
use crate::pointers::{SequencePtr, StepOffsets};
use crate::tuning::GRADIENT_GROUP;

impl WeightGradients<'_> {
    /// All terms of the sums of a task, with d gates from their first row on.
    fn segments(&self, task: &Task) -> Vec<Segments> {
        let (plan, steps) = (self.plan, self.plan.shape.steps);
        let state_row = plan.state_row(task.layer, task.direction);
        let mut segments = Vec::new();
        for shard in &plan.shards {
            let d_gates = self.gradients.steps(plan, state_row, 0, shard).gates;
            let mut push = |d_gates: SequencePtr<'_>, input: SequencePtr<'_>, steps| {
                segments.push(Segments {
                    a: d_gates.ptr,
                    a_row_stride: d_gates.row_stride,
                    a_step_stride: d_gates.step_offset(1),
                    b: input.ptr,
                    b_row_stride: input.row_stride,
                    b_step_stride: input.step_offset(1),
                    steps,
                    width: shard.padded,
                });
            };
            if task.weight == Weight::Input {
                push(d_gates, self.activations.input(plan, task.layer, shard), steps);
                continue;
            }
            // h_prev of the first step is in another buffer.
            let h = self.activations.h(plan, task.layer, task.direction, shard);
            let h_0 = self.activations.h_0(plan, state_row, shard);
            let h_0 = SequencePtr { ptr: h_0.ptr, row_stride: h_0.row_stride, steps: StepOffsets::Stride(0) };
            match task.direction {
                0 => {
                    push(d_gates, h_0, 1);
                    push(d_gates.skip_steps(1), h, steps - 1);
                }
                _ => {
                    push(d_gates.skip_steps(steps - 1), h_0, 1);
                    push(d_gates, h.skip_steps(1), steps - 1);
                }
            }
        }
        segments
    }

    /// `d weight[m][n] = sum over steps and samples of d_gates[m] input[n]`
    ///
    /// # Safety
    /// The backward pass of all shards has finished. Nothing else uses these rows of the target, which has the sizes of
    /// the parameters.
    pub(super) unsafe fn compute_feature_major(&self, task: &Task) {
        static ONES: [f32; 64] = [1.0; 64];
        let (plan, hidden) = (self.plan, self.plan.config.hidden_size);
        let (target, columns) = (self.target(task), self.features(task.layer, task.weight).count());
        for (i, group) in groups(&self.segments(task), hidden + columns).iter().enumerate() {
            for block in &task.blocks {
                let (rows, weight_row) = (block.rows.len(), self.weight_row(block));
                let gate_row = self.gate_block(task, block) * hidden + block.rows.start;
                let from_row =
                    |part: &Segments| Segments { a: part.a.wrapping_add(gate_row * part.a_row_stride), ..*part };
                let mut segments: Vec<Segments> = group.iter().map(from_row).collect();
                let product = |segments: &[Segments], columns, c: *mut f32| {
                    let product = DotProducts { rows, columns, segments, c, c_row_stride: columns, accumulate: i > 0 };
                    // SAFETY: the CPU supports the instruction set, because the plan has its kernels. The segments are
                    // inside their buffers, and C is this block's rows of the target.
                    unsafe { (plan.kernels.dot_products)(&product) };
                };
                if let Some(weight) = target.weight {
                    product(&segments, columns, weight.skip_rows(weight_row).ptr);
                }
                if let Some(bias) = target.bias {
                    // The gradient of a bias is the sum of d gates: their dot product with ones. A shard has 64 samples
                    // at most.
                    for part in &mut segments {
                        (part.b, part.b_row_stride, part.b_step_stride) = (ONES.as_ptr(), 0, 0);
                    }
                    product(&segments, 1, bias.skip_rows(weight_row).ptr);
                }
            }
        }
    }
}

/// Cuts segments into groups of at most [`GRADIENT_GROUP`] numbers, where every step has `rows` rows.
fn groups(segments: &[Segments], rows: usize) -> Vec<Vec<Segments>> {
    let mut groups = vec![Vec::new()];
    let mut capacity = GRADIENT_GROUP;
    for part in segments {
        let mut rest = *part;
        while rest.steps > 0 {
            let steps = (capacity / (rows * rest.width)).min(rest.steps);
            if let Some(group) = groups.last_mut().filter(|_| steps > 0) {
                group.push(Segments { steps, ..rest });
                capacity -= steps * rows * rest.width;
                rest.a = rest.a.wrapping_add(steps * rest.a_step_stride);
                rest.b = rest.b.wrapping_add(steps * rest.b_step_stride);
                rest.steps -= steps;
            } else {
                groups.push(Vec::new());
                capacity = GRADIENT_GROUP.max(rows * rest.width);
            }
        }
    }
    groups
}
