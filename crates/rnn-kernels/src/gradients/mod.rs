//! The gradients of the parameters: sums over all steps and samples of d gates times what the weights were multiplied by.
//!
//! Where the sums of a thread fit into its second-level cache beside some steps of d gates, each thread adds up those of its
//! own shards while it walks back (`Partial`), and the threads' sums are added at the end. Else all d gates are kept, and
//! tasks of some rows each (`Task`) compute the sums once the walk is over; so in Lanes.

mod lanes;
mod rows;

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::backward::Gradients;
use crate::buffer::Buffer;
use crate::error::Result;
use crate::forward::Activations;
use crate::layout::{Arrangement, Features, Layout};
use crate::parallel::{self, Parallel};
pub(crate) use rows::Partial;

/// Rows of a weight that one task computes, over all gates: enough to make use of what comes into the cache, few enough to
/// share a weight among threads.
const TASK_ROWS: usize = 192;

/// Rows of one gate at a time: a multiple of every vector's length.
const PIECE_ROWS: usize = 64;

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
struct Task {
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

pub(crate) struct Sums<'a> {
    pub layout: &'a Layout,
    pub activations: &'a Activations,
    pub gradients: &'a Gradients,
    pub wanted: &'a [ParameterGradients],
}

impl Sums<'_> {
    /// All that is wanted, cut into tasks.
    fn tasks(&self) -> Vec<Task> {
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
            (0..config.hidden_size)
                .step_by(PIECE_ROWS)
                .map(move |first| Piece { gate, rows: first..(first + PIECE_ROWS).min(config.hidden_size) })
        };
        (0..config.cell.gates()).flat_map(gate).collect()
    }

    /// Computes all tasks.
    pub(crate) fn compute_all(&self, threads: usize, pool: &dyn Parallel) -> Result<()> {
        let tasks = self.tasks();
        let threads = threads.min(tasks.len());
        let scratch = (0..threads).map(|_| self.scratch()).collect::<Result<Vec<Buffer>>>()?;
        let next = AtomicUsize::new(0);
        let run = |thread: usize| {
            while let Some(task) = tasks.get(next.fetch_add(1, Relaxed)) {
                // SAFETY: all shards are back; every task and every scratch has one thread.
                unsafe { self.compute(task, &scratch[thread]) };
            }
        };
        match threads {
            0 => {}
            1 => run(0),
            _ => parallel::for_each(pool, threads, &run),
        }
        Ok(())
    }

    /// Computes a task.
    ///
    /// # Safety
    /// All shards are back, nobody else uses `scratch` or computes this task, and the pointers reach as far as the
    /// parameters' sizes.
    unsafe fn compute(&self, task: &Task, scratch: &Buffer) {
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

    /// Which block of the d gates a piece lies in.
    fn d_gates_block(&self, task: &Task, piece: &Piece) -> usize {
        if task.hidden { self.layout.config.cell.hidden_block(piece.gate) } else { piece.gate }
    }
}
