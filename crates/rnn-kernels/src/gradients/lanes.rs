//! The sums in Lanes.

use super::{Sums, Task};
use crate::dots::{Dots, Span};
use crate::layout::{Seq, Shard};

/// A part of a sum in Lanes.
struct Stretch {
    d_gates: Seq,
    right: Seq,
    steps: usize,
}

impl Sums<'_> {
    /// What to sum up in a shard, in Lanes: for weight_hh the first step's h_prev lies apart.
    fn stretches(&self, task: &Task, shard: &Shard) -> Vec<Stretch> {
        let (layout, steps) = (self.layout, self.layout.steps);
        let row = task.layer * layout.config.directions() + task.direction;
        let d_gates = layout.seq(self.gradients.d_gates(row).at(0), layout.gates(), steps, shard);
        if !task.hidden {
            return vec![Stretch { d_gates, right: self.activations.input(layout, task.layer, shard), steps }];
        }
        let h = self.activations.h(layout, task.layer, task.direction, shard);
        let h_0 = self.activations.h_0(layout, row, shard);
        let h_0 = Seq { at: h_0.at, step: 0, row: h_0.row };
        let later = |seq: Seq| seq.offset(seq.step);
        let (first, others) = match task.direction {
            0 => (d_gates, Stretch { d_gates: later(d_gates), right: h, steps: steps - 1 }),
            _ => (d_gates.offset((steps - 1) * d_gates.step), Stretch { d_gates, right: later(h), steps: steps - 1 }),
        };
        vec![Stretch { d_gates: first, right: h_0, steps: 1 }, others]
    }

    /// `weight[m][n] = sum over steps and lanes of d_gates[m] right[n]`
    pub(super) unsafe fn compute_lanes(&self, task: &Task) {
        static ONES: [f32; 64] = [1.0; 64];
        let layout = self.layout;
        let (features, weight, bias) = self.target(task);
        for piece in &task.pieces {
            let mut spans = Vec::new();
            for shard in layout.shards(1) {
                for Stretch { d_gates, right, steps } in self.stretches(task, &shard) {
                    spans.push(Span {
                        a: d_gates.at.wrapping_add(self.d_gates_of(task, piece, &shard)),
                        a_row: d_gates.row,
                        a_step: d_gates.step,
                        b: right.at,
                        b_row: right.row,
                        b_step: right.step,
                        steps,
                        width: shard.width,
                    });
                }
            }
            let (rows, first) = (piece.rows.len(), self.first_row(piece));
            // SAFETY: the CPU has the instruction set; the rest is the caller's promise.
            unsafe {
                if let Some(weight) = weight {
                    let columns = features.count();
                    let c = weight.add(first * columns);
                    (layout.kernels.dots)(&Dots { rows, columns, spans: &spans, c, c_row: columns });
                }
                if let Some(bias) = bias {
                    for span in &mut spans {
                        (span.b, span.b_row, span.b_step) = (ONES.as_ptr(), 0, 0);
                    }
                    (layout.kernels.dots)(&Dots { rows, columns: 1, spans: &spans, c: bias.add(first), c_row: 1 });
                }
            }
        }
    }
}
