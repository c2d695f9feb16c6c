//! The sums in Lanes.

use super::{Sums, Task};
use crate::dots::{Dots, Span};
use crate::layout::Seq;

/// Numbers that a sum runs through before it starts at the next rows and columns: 64 KiB, of which a tile's rows stay in the
/// first-level cache.
const GROUP: usize = 1 << 14;

impl Sums<'_> {
    /// All that a task sums up, with the d gates from the first row on.
    fn spans(&self, task: &Task) -> Vec<Span> {
        let (layout, steps) = (self.layout, self.layout.steps);
        let row = task.layer * layout.config.directions() + task.direction;
        let mut spans = Vec::new();
        for shard in layout.shards(1) {
            let d_gates = layout.seq(self.gradients.d_gates(row).at(0), layout.gates(), steps, &shard);
            let mut push = |d_gates: Seq, right: Seq, steps| {
                spans.push(Span {
                    a: d_gates.at,
                    a_row: d_gates.row,
                    a_step: d_gates.step,
                    b: right.at,
                    b_row: right.row,
                    b_step: right.step,
                    steps,
                    width: shard.width,
                });
            };
            if !task.hidden {
                push(d_gates, self.activations.input(layout, task.layer, &shard), steps);
                continue;
            }
            // The first step's h_prev lies apart.
            let h = self.activations.h(layout, task.layer, task.direction, &shard);
            let h_0 = self.activations.h_0(layout, row, &shard);
            let h_0 = Seq { at: h_0.at, step: 0, row: h_0.row };
            let later = |seq: Seq| seq.offset(seq.step);
            match task.direction {
                0 => {
                    push(d_gates, h_0, 1);
                    push(later(d_gates), h, steps - 1);
                }
                _ => {
                    push(d_gates.offset((steps - 1) * d_gates.step), h_0, 1);
                    push(d_gates, later(h), steps - 1);
                }
            }
        }
        spans
    }

    /// `weight[m][n] = sum over steps and lanes of d_gates[m] right[n]`
    pub(super) unsafe fn compute_lanes(&self, task: &Task) {
        static ONES: [f32; 64] = [1.0; 64];
        let layout = self.layout;
        let (features, weight, bias) = self.target(task);
        let columns = features.count();
        for (i, group) in groups(&self.spans(task), layout.config.hidden_size + columns).iter().enumerate() {
            for piece in &task.pieces {
                let (rows, first) = (piece.rows.len(), self.first_row(piece));
                let row = self.d_gates_block(task, piece) * layout.config.hidden_size + piece.rows.start;
                let mut spans: Vec<Span> =
                    group.iter().map(|span| Span { a: span.a.wrapping_add(row * span.a_row), ..*span }).collect();
                // SAFETY: the CPU has the instruction set; the rest is the caller's promise.
                unsafe {
                    if let Some(weight) = weight {
                        let c = weight.add(first * columns);
                        (layout.kernels.dots)(&Dots { rows, columns, spans: &spans, c, c_row: columns, add: i > 0 });
                    }
                    if let Some(bias) = bias {
                        for span in &mut spans {
                            (span.b, span.b_row, span.b_step) = (ONES.as_ptr(), 0, 0);
                        }
                        let c = bias.add(first);
                        (layout.kernels.dots)(&Dots { rows, columns: 1, spans: &spans, c, c_row: 1, add: i > 0 });
                    }
                }
            }
        }
    }
}

/// Cuts spans into groups of [`GROUP`] numbers, where every step has `rows` rows.
fn groups(spans: &[Span], rows: usize) -> Vec<Vec<Span>> {
    let mut groups = vec![Vec::new()];
    let mut room = GROUP;
    for span in spans {
        let mut rest = *span;
        while rest.steps > 0 {
            let steps = (room / (rows * rest.width)).min(rest.steps);
            if let Some(group) = groups.last_mut().filter(|_| steps > 0) {
                group.push(Span { steps, ..rest });
                room -= steps * rows * rest.width;
                rest.a = rest.a.wrapping_add(steps * rest.a_step);
                rest.b = rest.b.wrapping_add(steps * rest.b_step);
                rest.steps -= steps;
            } else {
                groups.push(Vec::new());
                room = GROUP.max(rows * rest.width);
            }
        }
    }
    groups
}
