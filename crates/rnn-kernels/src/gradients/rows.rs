//! The sums in Rows.

use std::ops::Range;

use super::{PIECE_ROWS, Piece, Sums, TASK_ROWS, Task};
use crate::buffer::Buffer;
use crate::cells::Block;
use crate::error::Result;
use crate::forward::Order;
use crate::gemm::{Panel, Start, Term};
use crate::layout::{Seq, Shard};

/// Steps times samples that are summed up before the next: what the first-level cache holds.
const DEPTH_BLOCK: usize = 128;

/// A part of a sum in Rows: `depth` rows of d gates and of what the weight was multiplied by.
#[derive(Clone, Copy)]
struct Run {
    d_gates: Block,
    right: Block,
    depth: usize,
}

impl Run {
    /// Whether `next` lies right behind this one.
    fn continues_with(&self, next: &Run) -> bool {
        let behind = |a: Block, b: Block| a.row == b.row && a.at.wrapping_add(self.depth * a.row) == b.at;
        behind(self.d_gates, next.d_gates) && behind(self.right, next.right)
    }
}

/// Where the rows of a task's pieces, and their biases, are summed up.
#[derive(Clone, Copy)]
struct Room {
    at: *mut f32,
    width: usize,
    pieces: usize,
}

impl Room {
    fn len(width: usize, pieces: usize) -> usize {
        pieces * PIECE_ROWS * (width + 1)
    }

    fn matrix(self, piece: usize) -> *mut f32 {
        self.at.wrapping_add(piece * PIECE_ROWS * self.width)
    }

    fn bias(self, piece: usize) -> *mut f32 {
        self.at.wrapping_add(PIECE_ROWS * (self.pieces * self.width + piece))
    }
}

/// The sums of one thread: for each layer and direction those of weight_ih and bias_ih, and of weight_hh and bias_hh.
pub(crate) struct Partial(Vec<[Buffer; 2]>);

impl Sums<'_> {
    /// Room for one task at a time.
    pub(super) fn scratch(&self) -> Result<Buffer> {
        let layers = 0..self.layout.config.num_layers;
        let columns = layers.map(|layer| self.width(layer, false)).max().unwrap_or(0).max(self.width(0, true));
        Buffer::new(Room::len(columns, TASK_ROWS / PIECE_ROWS))
    }

    /// Columns of weight_ih or weight_hh, padded.
    fn width(&self, layer: usize, hidden: bool) -> usize {
        let features = if hidden { self.layout.state() } else { self.layout.input(layer) };
        features.groups * self.layout.pad(features.size)
    }

    /// Room for the sums of a thread.
    pub(crate) fn partial(&self) -> Result<Partial> {
        let (config, pieces) = (self.layout.config, self.pieces().len());
        let room = |row, hidden| Buffer::new(Room::len(self.width(row / config.directions(), hidden), pieces));
        Ok(Partial(
            (0..config.state_rows()).map(|row| Ok([room(row, false)?, room(row, true)?])).collect::<Result<_>>()?,
        ))
    }

    /// Adds what a shard's walk has found at `steps` of a layer and direction; the first time, starts the sums. `d_gates`
    /// has those of the first of `steps` first.
    ///
    /// # Safety
    /// The d gates are there, and no other thread uses `partial`.
    pub(crate) unsafe fn add(
        &self,
        partial: &Partial,
        (layer, direction): (usize, usize),
        shard: &Shard,
        steps: Range<usize>,
        d_gates: Seq,
        first: bool,
    ) {
        let start = if first { Start::Zero } else { Start::Apart };
        let row = layer * self.layout.config.directions() + direction;
        for hidden in [false, true] {
            let task = Task { layer, direction, hidden, pieces: self.pieces() };
            let at = partial.0[row][usize::from(hidden)].at(0);
            let room = Room { at, width: self.width(layer, hidden), pieces: task.pieces.len() };
            let runs = self.runs(&task, shard, steps.clone(), d_gates);
            // SAFETY: the caller's promise.
            unsafe { self.accumulate(&task, &runs, room, start) };
        }
    }

    /// Adds up the sums of all threads, for a layer and direction, and hands them to the caller.
    ///
    /// # Safety
    /// All shards are back, and no other thread works on this layer and direction.
    pub(crate) unsafe fn finish(&self, partials: &[Partial], row: usize) {
        let directions = self.layout.config.directions();
        for hidden in [false, true] {
            let task = Task { layer: row / directions, direction: row % directions, hidden, pieces: self.pieces() };
            let mut sums = partials.iter().map(|partial| &partial.0[row][usize::from(hidden)]);
            let (Some(total), width) = (sums.next(), self.width(task.layer, hidden)) else { return };
            for sum in sums {
                // SAFETY: the caller's promise; all buffers of a kind have the same length.
                let (to, from) = unsafe {
                    let from = std::slice::from_raw_parts(sum.at(0), total.len());
                    (std::slice::from_raw_parts_mut(total.at(0), total.len()), from)
                };
                to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
            }
            // SAFETY: the caller's promise.
            unsafe { self.store(&task, Room { at: total.at(0), width, pieces: task.pieces.len() }) };
        }
    }

    /// What to sum up at these steps, in Rows; one run where everything lies one behind the other. `d_gates` has those of the
    /// first of `steps` first.
    fn runs(&self, task: &Task, shard: &Shard, steps: Range<usize>, d_gates: Seq) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::with_capacity(steps.len());
        for (slot, step) in steps.enumerate() {
            let run = Run { d_gates: d_gates.block(slot), right: self.right(task, shard, step), depth: shard.count };
            match runs.last_mut() {
                Some(last) if last.continues_with(&run) => last.depth += run.depth,
                _ => runs.push(run),
            }
        }
        runs
    }

    /// What the weight was multiplied by at a step.
    fn right(&self, task: &Task, shard: &Shard, step: usize) -> Block {
        let layout = self.layout;
        if !task.hidden {
            return self.activations.input(layout, task.layer, shard).block(step);
        }
        let order = Order { steps: layout.steps, reverse: task.direction == 1 };
        let row = task.layer * layout.config.directions() + task.direction;
        match order.step(step) {
            0 => self.activations.h_0(layout, row, shard),
            i => self.activations.h(layout, task.layer, task.direction, shard).block(order.step(i - 1)),
        }
    }

    /// `weight[m][n] = sum over the rows of d_gates[row][m] right[row][n]`
    pub(super) unsafe fn compute_rows(&self, task: &Task, scratch: &Buffer) {
        let (layout, batch) = (self.layout, self.layout.whole());
        let room = Room { at: scratch.at(0), width: self.width(task.layer, task.hidden), pieces: task.pieces.len() };
        let row = task.layer * layout.config.directions() + task.direction;
        let d_gates = layout.seq(self.gradients.d_gates(row).at(0), layout.gates(), layout.steps, &batch);
        let mut start = Start::Zero;
        for run in self.runs(task, &batch, 0..layout.steps, d_gates) {
            for first in (0..run.depth).step_by(DEPTH_BLOCK) {
                let from = |block: Block| Block { at: block.at.wrapping_add(first * block.row), row: block.row };
                let depth = DEPTH_BLOCK.min(run.depth - first);
                let part = Run { d_gates: from(run.d_gates), right: from(run.right), depth };
                // SAFETY: the caller's promise.
                unsafe { self.accumulate(task, &[part], room, start) };
                start = Start::Apart;
            }
        }
        // SAFETY: as above.
        unsafe { self.store(task, room) };
    }

    /// Adds the runs to the sums of all pieces.
    unsafe fn accumulate(&self, task: &Task, runs: &[Run], room: Room, start: Start) {
        static ONE: f32 = 1.0;
        let kernels = self.layout.kernels;
        let (_, weight, bias) = self.target(task);
        let columns = |width: usize| {
            (0..width).step_by(kernels.panel).map(move |column| (column, kernels.panel.min(width - column)))
        };
        let multiply = |rows, term: &dyn Fn(&Run) -> Term, c, c_row, width| {
            let terms: Vec<Term> = runs.iter().map(term).collect();
            let vectors = width / kernels.lanes;
            // SAFETY: the CPU has the instruction set, or there would be no layout with its kernels; the room is long
            // enough; the rest is the caller's promise.
            unsafe { (kernels.gemm)(&Panel { rows, vectors, terms: &terms, c, c_row, start }) };
        };
        let gate = self.layout.pad(self.layout.config.hidden_size);
        let d_gates_of = |piece: &Piece| self.d_gates_block(task, piece) * gate + piece.rows.start;
        if weight.is_some() {
            for (column, width) in columns(room.width) {
                for (i, piece) in task.pieces.iter().enumerate() {
                    let offset = d_gates_of(piece);
                    let term = |run: &Run| Term {
                        a: run.d_gates.at.wrapping_add(offset),
                        a_row: 1,
                        a_col: run.d_gates.row,
                        b: run.right.at.wrapping_add(column),
                        b_row: run.right.row,
                        depth: run.depth,
                    };
                    multiply(piece.rows.len(), &term, room.matrix(i).wrapping_add(column), room.width, width);
                }
            }
        }
        if bias.is_some() {
            for (i, piece) in task.pieces.iter().enumerate() {
                for (column, width) in columns(self.layout.pad(piece.rows.len())) {
                    let offset = d_gates_of(piece) + column;
                    let ones = |run: &Run| Term {
                        a: &ONE,
                        a_row: 0,
                        a_col: 0,
                        b: run.d_gates.at.wrapping_add(offset),
                        b_row: run.d_gates.row,
                        depth: run.depth,
                    };
                    multiply(1, &ones, room.bias(i).wrapping_add(column), 0, width);
                }
            }
        }
    }

    /// Copies the pieces of a weight and of a bias, without the padding, to the caller.
    unsafe fn store(&self, task: &Task, room: Room) {
        let (features, weight, bias) = self.target(task);
        let padded = self.layout.pad(features.size);
        for (i, piece) in task.pieces.iter().enumerate() {
            let first = self.first_row(piece);
            // SAFETY: the promise to `compute`.
            unsafe {
                if let Some(weight) = weight {
                    for row in 0..piece.rows.len() * features.groups {
                        weight
                            .add(first * features.count() + row * features.size)
                            .copy_from_nonoverlapping(room.matrix(i).add(row * padded), features.size);
                    }
                }
                if let Some(bias) = bias {
                    bias.add(first).copy_from_nonoverlapping(room.bias(i), piece.rows.len());
                }
            }
        }
    }
}
