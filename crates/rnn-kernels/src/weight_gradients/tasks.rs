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
    /// For each layer and direction: one for each [`Weight`]. Empty if none are needed.
    pub targets: &'a [[WeightTarget; 3]],
}

/// One of the weights of a layer and direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// W_ih and b_ih.
    Input,
    /// W_hh and b_hh.
    Recurrent,
    /// W_hr.
    Projection,
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
    /// 0 for a projection.
    pub gate: usize,
    /// Within the gate.
    pub rows: Range<usize>,
}

impl WeightGradients<'_> {
    /// The weights of a layer and direction.
    pub(super) fn weights(&self) -> &'static [Weight] {
        let all = &[Weight::Input, Weight::Recurrent, Weight::Projection];
        if self.plan.projected() { all } else { &all[..2] }
    }

    /// Everything that is needed, cut into tasks.
    pub(super) fn tasks(&self) -> Vec<Task> {
        let directions = self.plan.config.directions();
        let mut tasks = Vec::new();
        for (state_row, targets) in self.targets.iter().enumerate() {
            let (layer, direction) = (state_row / directions, state_row % directions);
            for (&weight, target) in self.weights().iter().zip(targets) {
                if target.weight.is_none() && target.bias.is_none() {
                    continue;
                }
                for blocks in self.row_blocks(weight).chunks(TASK_ROWS / BLOCK_ROWS) {
                    tasks.push(Task { layer, direction, weight, blocks: blocks.to_vec() });
                }
            }
        }
        tasks
    }

    /// All rows of a weight.
    pub(super) fn row_blocks(&self, weight: Weight) -> Vec<RowBlock> {
        let config = self.plan.config;
        let (gates, rows) = match weight {
            Weight::Input | Weight::Recurrent => (config.cell.gates(), config.hidden_size),
            Weight::Projection => (1, config.proj_size),
        };
        let gate = |gate| {
            let block = move |first| RowBlock { gate, rows: first..(first + BLOCK_ROWS).min(rows) };
            (0..rows).step_by(BLOCK_ROWS).map(block)
        };
        (0..gates).flat_map(gate).collect()
    }

    /// The features that the weight is multiplied by in the forward pass, which are the columns of its gradient.
    pub(super) fn features(&self, layer: usize, weight: Weight) -> Features {
        match weight {
            Weight::Input => self.plan.input_features(layer),
            Weight::Recurrent => self.plan.state_features(),
            Weight::Projection => self.plan.cell_features(),
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
            Weight::Input | Weight::Projection => block.gate,
            Weight::Recurrent => self.plan.config.cell.recurrent_block(block.gate),
        }
    }
}
