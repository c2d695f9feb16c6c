//! The gradients of the parameters: sums over all steps and samples, once all d gates are there.
//!
//! Each task computes some rows of one matrix over the whole batch, so the order of the sum does not depend on how the batch
//! was cut or on the number of threads.

use std::ops::Range;

use crate::backward::Gradients;
use crate::buffer::Buffer;
use crate::dots::{Dots, Span};
use crate::error::Result;
use crate::forward::Activations;
use crate::gemm::{Panel, Start, Term};
use crate::layout::{Arrangement, Features, Layout, Seq, Shard};

/// Rows of a weight that one task computes, over all gates: enough to make use of what comes into the cache, few enough to
/// share a weight among threads.
const TASK_ROWS: usize = 192;

/// Rows of one gate at a time: a multiple of every vector's length.
const PIECE_ROWS: usize = 64;

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
    pieces: Vec<Piece>,
}

/// Rows of one gate.
#[derive(Debug, Clone)]
struct Piece {
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
                for pieces in self.pieces().chunks(TASK_ROWS / PIECE_ROWS) {
                    tasks.push(Task { layer, direction, hidden, pieces: pieces.to_vec() });
                }
            }
        }
        tasks
    }

    /// The rows of a weight.
    fn pieces(&self) -> Vec<Piece> {
        let config = self.layout.config;
        let gate = |gate| {
            (0..config.hidden_size).step_by(PIECE_ROWS).map(move |first| Piece {
                gate,
                rows: first..(first + PIECE_ROWS).min(config.hidden_size),
            })
        };
        (0..config.cell.gates()).flat_map(gate).collect()
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

    /// The features of the right-hand side, and where the results go: weight and bias, at their first rows.
    fn target(&self, task: &Task) -> (Features, Option<*mut f32>, Option<*mut f32>) {
        let wanted = self.wanted[task.layer * self.layout.config.directions() + task.direction];
        if task.hidden {
            (self.layout.state(), wanted.weight_hh, wanted.bias_hh)
        } else {
            (self.layout.input(task.layer), wanted.weight_ih, wanted.bias_ih)
        }
    }

    /// The row of the weight that a piece starts at.
    fn first_row(&self, piece: &Piece) -> usize {
        piece.gate * self.layout.config.hidden_size + piece.rows.start
    }

    /// From the first d gate of a row of d gates to a piece's.
    fn d_gates_of(&self, task: &Task, piece: &Piece, shard: &Shard) -> usize {
        let layout = self.layout;
        let block = if task.hidden { layout.config.cell.hidden_block(piece.gate) } else { piece.gate };
        let row = if layout.arrangement == Arrangement::Rows { 1 } else { shard.width };
        block * layout.group(layout.config.hidden_size, shard) + piece.rows.start * row
    }

    /// What to sum up, in the shard: for weight_hh the first step's h_prev lies apart.
    fn stretches(&self, task: &Task, shard: &Shard) -> Vec<Stretch> {
        let (layout, steps) = (self.layout, self.layout.steps);
        let row = task.layer * layout.config.directions() + task.direction;
        let d_gates = layout.seq(self.gradients.gates[row].at(0), layout.gates(), steps, shard);
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
        let (layout, kernels) = (self.layout, self.layout.kernels);
        let (features, weight, bias) = self.target(task);
        let batch = layout.whole();
        let width = features.groups * layout.pad(features.size);
        // Where a piece's rows, and its biases, are summed up.
        let matrix = |i: usize| scratch.at(i * PIECE_ROWS * width);
        let row = |i: usize| scratch.at(TASK_ROWS * width + i * PIECE_ROWS);
        let mut start = Start::Zero;
        for stretch in self.stretches(task, &batch) {
            // Step upon step, the rows of the whole batch are one behind the other.
            let depth = stretch.steps * layout.batch;
            for first in (0..depth).step_by(DEPTH_BLOCK) {
                let d_gates = stretch.d_gates.at.wrapping_add(first * stretch.d_gates.row);
                let right = stretch.right.at.wrapping_add(first * stretch.right.row);
                let depth = DEPTH_BLOCK.min(depth - first);
                let multiply = |rows, term, c, c_row, width| {
                    let vectors = width / kernels.lanes;
                    // SAFETY: the CPU has the instruction set, or there would be no layout with its kernels; scratch is
                    // long enough; the rest is the caller's promise.
                    unsafe { (kernels.gemm)(&Panel { rows, vectors, terms: &[term], c, c_row, start }) };
                };
                let columns = |width: usize| {
                    (0..width).step_by(kernels.panel).map(move |column| (column, kernels.panel.min(width - column)))
                };
                if weight.is_some() {
                    for (column, panel) in columns(width) {
                        let (b, b_row) = (right.wrapping_add(column), stretch.right.row);
                        for (i, piece) in task.pieces.iter().enumerate() {
                            let a = d_gates.wrapping_add(self.d_gates_of(task, piece, &batch));
                            let term = Term { a, a_row: 1, a_col: stretch.d_gates.row, b, b_row, depth };
                            multiply(piece.rows.len(), term, matrix(i).wrapping_add(column), width, panel);
                        }
                    }
                }
                if bias.is_some() {
                    for (i, piece) in task.pieces.iter().enumerate() {
                        for (column, panel) in columns(layout.pad(piece.rows.len())) {
                            let b = d_gates.wrapping_add(self.d_gates_of(task, piece, &batch) + column);
                            let ones = Term { a: &ONE, a_row: 0, a_col: 0, b, b_row: stretch.d_gates.row, depth };
                            multiply(1, ones, row(i).wrapping_add(column), 0, panel);
                        }
                    }
                }
                start = Start::Apart;
            }
        }
        for (i, piece) in task.pieces.iter().enumerate() {
            // SAFETY: as above.
            unsafe { self.store(piece, features, matrix(i), weight, row(i), bias) };
        }
    }

    /// Copies a piece of a weight and of a bias, without the padding, to the caller.
    unsafe fn store(
        &self,
        piece: &Piece,
        features: Features,
        matrix: *const f32,
        weight: Option<*mut f32>,
        row: *const f32,
        bias: Option<*mut f32>,
    ) {
        let (first, padded) = (self.first_row(piece), self.layout.pad(features.size));
        // SAFETY: the promise to `compute`.
        unsafe {
            if let Some(weight) = weight {
                for i in 0..piece.rows.len() * features.groups {
                    weight
                        .add(first * features.count() + i * features.size)
                        .copy_from_nonoverlapping(matrix.add(i * padded), features.size);
                }
            }
            if let Some(bias) = bias {
                bias.add(first).copy_from_nonoverlapping(row, piece.rows.len());
            }
        }
    }

    /// `weight[m][n] = sum over steps and lanes of d_gates[m] right[n]`
    unsafe fn compute_lanes(&self, task: &Task) {
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
