//! The gradients of all weights, cut into tasks for threads.

use std::ops::Range;

use crate::activations::Activations;
use crate::gradient_buffers::GradientBuffers;
use crate::io::WeightTarget;
use crate::plan::{Features, Plan};
use crate::tuning::{BLOCK_ROWS, TASK_ROWS};

/// The computation of the weight gradients of a backward pass.
pub(crate) struct WeightGradients<'a> {
    pub plan: &'a Plan,
    pub activations: &'a Activations,
    pub gradients: &'a GradientBuffers,
    /// For each layer and direction: those of W_ih and of W_hh. Empty if none are needed.
    pub targets: &'a [[WeightTarget; 2]],
}

/// One of the two weights of a layer and direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// W_ih and b_ih.
    Input,
    /// W_hh and b_hh.
    Recurrent,
}

impl Weight {
    pub(super) const BOTH: [Weight; 2] = [Weight::Input, Weight::Recurrent];
}

/// Some rows of a weight and of its bias.
#[derive(Debug, Clone)]
pub(super) struct Task {
    pub layer: usize,
    pub direction: usize,
    pub weight: Weight,
    pub blocks: Vec<RowBlock>,
}

/// Some rows of one gate.
#[derive(Debug, Clone)]
pub(super) struct RowBlock {
    pub gate: usize,
    /// Within the gate.
    pub rows: Range<usize>,
}

impl WeightGradients<'_> {
    /// Everything that is needed, cut into tasks.
    pub(super) fn tasks(&self) -> Vec<Task> {
        let directions = self.plan.config.directions();
        let mut tasks = Vec::new();
        for (state_row, targets) in self.targets.iter().enumerate() {
            let (layer, direction) = (state_row / directions, state_row % directions);
            for (weight, target) in Weight::BOTH.into_iter().zip(targets) {
                if target.weight.is_none() && target.bias.is_none() {
                    continue;
                }
                for blocks in self.row_blocks().chunks(TASK_ROWS / BLOCK_ROWS) {
                    tasks.push(Task { layer, direction, weight, blocks: blocks.to_vec() });
                }
            }
        }
        tasks
    }

    /// All rows of a weight.
    pub(super) fn row_blocks(&self) -> Vec<RowBlock> {
        let config = self.plan.config;
        let gate = |gate| {
            (0..config.hidden_size)
                .step_by(BLOCK_ROWS)
                .map(move |first| RowBlock { gate, rows: first..(first + BLOCK_ROWS).min(config.hidden_size) })
        };
        (0..config.cell.gates()).flat_map(gate).collect()
    }

    /// The features that the weight is multiplied by in the forward pass, which are the columns of its gradient.
    pub(super) fn features(&self, layer: usize, weight: Weight) -> Features {
        match weight {
            Weight::Input => self.plan.input_features(layer),
            Weight::Recurrent => self.plan.state_features(),
        }
    }

    /// Where the gradient is written.
    pub(super) fn target(&self, task: &Task) -> WeightTarget {
        self.targets[self.plan.state_row(task.layer, task.direction)][task.weight as usize]
    }

    /// The first row of a block in the weight, in which the rows of all gates are stacked.
    pub(super) fn weight_row(&self, block: &RowBlock) -> usize {
        block.gate * self.plan.config.hidden_size + block.rows.start
    }

    /// The gate block of d gates that a block of rows belongs to.
    pub(super) fn gate_block(&self, task: &Task, block: &RowBlock) -> usize {
        match task.weight {
            Weight::Input => block.gate,
            Weight::Recurrent => self.plan.config.cell.recurrent_block(block.gate),
        }
    }
}
