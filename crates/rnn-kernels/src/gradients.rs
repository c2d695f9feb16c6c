//! The gradients of the parameters: sums over all steps and samples, once all d gates are there.
//!
//! Each task computes some rows of one matrix over the whole batch, so the order of the sum does not depend on how the batch
//! was cut or on the number of threads.

use std::ops::Range;

use crate::backward::Gradients;
use crate::buffer::Buffer;
use crate::cells::Block;
use crate::dots::{Dots, Span};
use crate::error::Result;
use crate::forward::Activations;
use crate::gemm::{Panel, Start, Term};
use crate::layout::{Arrangement, Features, Layout, Seq, Shard};

/// Rows of a weight that one task computes: a multiple of every tile's height and every vector's length.
const TASK_ROWS: usize = 48;

/// Steps times samples that are summed up before the next: what the first-level cache holds.
const DEPTH_BLOCK: usize = 128;

/// Where the gradients of a layer and direction go; those that nobody wants are `None`.
#[derive(Clone, Copy, Default)]
pub(crate) struct ParameterGradients {
    pub weight_ih: Option<*mut f32>,
    pub weight_hh: Option<*mut f32>,
    pub bias_ih: Option<*mut f32>,
    pub bias_hh: Option<*mut f32>,
}

// SAFETY: every task writes its own rows.
unsafe impl Send for ParameterGradients {}
// SAFETY: as above.
unsafe impl Sync for ParameterGradients {}

/// Some rows of weight_ih and bias_ih, or of weight_hh and bias_hh.
#[derive(Debug, Clone)]
pub(crate) struct Task {
    layer: usize,
    direction: usize,
    hidden: bool,
    gate: usize,
    /// Within the gate.
    rows: Range<usize>,
}

/// The sum of a task: products of d gates and what the weight was multiplied by.
struct Stretch {
    d_gates: Seq,
    right: Seq,
    steps: usize,
}

pub(crate) struct Sums<'a> {
    pub layout: &'a Layout,
    pub activations: &'a Activations,
    pub gradients: &'a Gradients,
    pub wanted: &'a [ParameterGradients],
}

impl Sums<'_> {
    /// All that is wanted, cut into tasks.
    pub(crate) fn tasks(&self) -> Vec<Task> {
        let config = self.layout.config;
        let mut tasks = Vec::new();
        for (row, wanted) in self.wanted.iter().enumerate() {
            let (layer, direction) = (row / config.directions(), row % config.directions());
            let kinds = [
                (false, wanted.weight_ih.is_some() || wanted.bias_ih.is_some()),
                (true, wanted.weight_hh.is_some() || wanted.bias_hh.is_some()),
            ];
            for (hidden, _) in kinds.into_iter().filter(|(_, wanted)| *wanted) {
                for gate in 0..config.cell.gates() {
                    for first in (0..config.hidden_size).step_by(TASK_ROWS) {
                        let rows = first..(first + TASK_ROWS).min(config.hidden_size);
                        tasks.push(Task { layer, direction, hidden, gate, rows });
                    }
                }
            }
        }
        tasks
    }

    /// Room for one task at a time: a matrix and a row.
    pub(crate) fn scratch(&self) -> Result<Buffer> {
        let config = self.layout.config;
        let widest = |layer| self.layout.input(layer).groups * self.layout.pad(self.layout.input(layer).size);
        let columns = (0..config.num_layers).map(widest).max().unwrap_or(0).max(self.layout.pad(config.hidden_size));
        Buffer::new(TASK_ROWS * (columns + 1))
    }

    /// Computes a task.
    ///
    /// # Safety
    /// All shards are back, nobody else uses `scratch` or computes this task, and the pointers reach as far as the
    /// parameters' sizes.
    pub(crate) unsafe fn compute(&self, task: &Task, scratch: &Buffer) {
        // SAFETY: the caller's promise.
        unsafe {
            match self.layout.arrangement {
                Arrangement::Rows => self.compute_rows(task, scratch),
                Arrangement::Lanes => self.compute_lanes(task),
            }
        }
    }

    /// The features of the right-hand side, and where the results go: weight and bias, at the task's first row.
    fn target(&self, task: &Task) -> (Features, Option<*mut f32>, Option<*mut f32>) {
        let config = self.layout.config;
        let wanted = self.wanted[task.layer * config.directions() + task.direction];
        let (features, weight, bias) = if task.hidden {
            (self.layout.state(), wanted.weight_hh, wanted.bias_hh)
        } else {
            (self.layout.input(task.layer), wanted.weight_ih, wanted.bias_ih)
        };
        let row = task.gate * config.hidden_size + task.rows.start;
        (features, weight.map(|at| at.wrapping_add(row * features.count())), bias.map(|at| at.wrapping_add(row)))
    }

    /// What to sum up, in the shard: for weight_hh the first step's h_prev lies apart.
    fn stretches(&self, task: &Task, shard: &Shard) -> Vec<Stretch> {
        let (layout, steps) = (self.layout, self.layout.steps);
        let row = task.layer * layout.config.directions() + task.direction;
        let block = if task.hidden { layout.config.cell.hidden_block(task.gate) } else { task.gate };
        let gate = layout.group(layout.config.hidden_size, shard);
        let d_gates = layout.seq(self.gradients.gates[row].at(0), layout.gates(), steps, shard).offset(block * gate);
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

    /// `weight[m][n] = sum over the rows of d_gates[row][m] right[row][n]`
    unsafe fn compute_rows(&self, task: &Task, scratch: &Buffer) {
        static ONE: f32 = 1.0;
        let (layout, rows) = (self.layout, task.rows.len());
        let (features, weight, bias) = self.target(task);
        let batch = layout.whole();
        let padded = layout.pad(features.size);
        let (matrix, row) = (scratch.at(0), scratch.at(TASK_ROWS * features.groups * padded));
        let mut start = Start::Zero;
        for stretch in self.stretches(task, &batch) {
            // Step upon step, the rows of the whole batch are one behind the other.
            let depth = stretch.steps * layout.batch;
            for first in (0..depth).step_by(DEPTH_BLOCK) {
                let a = Term {
                    a: stretch.d_gates.at.wrapping_add(first * stretch.d_gates.row + task.rows.start),
                    a_row: 1,
                    a_col: stretch.d_gates.row,
                    b: stretch.right.at.wrapping_add(first * stretch.right.row),
                    b_row: stretch.right.row,
                    depth: DEPTH_BLOCK.min(depth - first),
                };
                // SAFETY: the caller's promise; scratch is long enough.
                unsafe {
                    if weight.is_some() {
                        let c = Block { at: matrix, row: features.groups * padded };
                        self.multiply(a, rows, c, features.groups * padded, start);
                    }
                    if bias.is_some() {
                        let ones = Term { a: &ONE, a_row: 0, a_col: 0, b: a.a, b_row: a.a_col, ..a };
                        self.multiply(ones, 1, Block { at: row, row: 0 }, layout.pad(rows), start);
                    }
                }
                start = Start::Apart;
            }
        }
        // SAFETY: as above.
        unsafe {
            if let Some(weight) = weight {
                for (row, group) in (0..rows).flat_map(|row| (0..features.groups).map(move |group| (row, group))) {
                    weight
                        .add(row * features.count() + group * features.size)
                        .copy_from_nonoverlapping(matrix.add((row * features.groups + group) * padded), features.size);
                }
            }
            if let Some(bias) = bias {
                bias.copy_from_nonoverlapping(row, rows);
            }
        }
    }

    /// A product whose right-hand side lies as it is, any number of columns wide.
    unsafe fn multiply(&self, term: Term, rows: usize, c: Block, columns: usize, start: Start) {
        let kernels = self.layout.kernels;
        for column in (0..columns).step_by(kernels.panel) {
            let vectors = kernels.panel.min(columns - column) / kernels.lanes;
            let terms = &[Term { b: term.b.wrapping_add(column), ..term }];
            let panel = Panel { rows, vectors, terms, c: c.at.wrapping_add(column), c_row: c.row, start };
            // SAFETY: the CPU has the instruction set, or there would be no layout with its kernels; the rest is the
            // caller's promise.
            unsafe { (kernels.gemm)(&panel) };
        }
    }

    /// `weight[m][n] = sum over steps and lanes of d_gates[m] right[n]`
    unsafe fn compute_lanes(&self, task: &Task) {
        static ONES: [f32; 64] = [1.0; 64];
        let layout = self.layout;
        let (features, weight, bias) = self.target(task);
        let mut spans = Vec::new();
        for shard in layout.shards(1) {
            for Stretch { d_gates, right, steps } in self.stretches(task, &shard) {
                spans.push(Span {
                    a: d_gates.at.wrapping_add(task.rows.start * d_gates.row),
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
        let rows = task.rows.len();
        // SAFETY: the CPU has the instruction set; the rest is the caller's promise.
        unsafe {
            if let Some(c) = weight {
                let columns = features.count();
                (layout.kernels.dots)(&Dots { rows, columns, spans: &spans, c, c_row: columns });
            }
            if let Some(c) = bias {
                for span in &mut spans {
                    (span.b, span.b_row, span.b_step) = (ONES.as_ptr(), 0, 0);
                }
                (layout.kernels.dots)(&Dots { rows, columns: 1, spans: &spans, c, c_row: 1 });
            }
        }
    }
}
