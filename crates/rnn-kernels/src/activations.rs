//! The buffers of a forward pass: the activations, which the backward pass reads again.

use crate::buffer_pool::Buffer;
use crate::error::Result;
use crate::io::ForwardIo;
use crate::plan::{Layout, Plan, Shard};
use crate::pointers::{MatrixPtr, SequencePtr};
use crate::tuning::PROJECTED_ROWS;

/// The activations of a forward pass.
pub(crate) struct Activations {
    pub x: Buffer,
    /// The initial hidden states: a sequence with a step for each state row.
    pub h_0: Buffer,
    pub layers: Vec<LayerActivations>,
}

pub(crate) struct LayerActivations {
    /// h of every step, with a group of features for each direction.
    pub output: Buffer,
    pub dropout: Option<Dropout>,
    pub directions: Vec<DirectionActivations>,
}

/// The dropout mask, and the output times the mask, which is the input of the next layer.
pub(crate) struct Dropout {
    pub mask: Buffer,
    pub output: Buffer,
}

pub(crate) struct DirectionActivations {
    /// The gates of every step, or only of the steps that are projected together.
    pub gates: Buffer,
    /// LSTM: c before every step and after the last one, or only the present c.
    pub c: Buffer,
    /// LSTM: tanh(c) of every step, or nothing.
    pub tanh_c: Buffer,
}

/// Which activations a forward pass stores, and for how many steps.
#[derive(Clone, Copy)]
pub(crate) struct Storage {
    /// Whether a backward pass follows.
    pub for_backward: bool,
    /// Whether the workspace has a copy of x, and one of the last layer's output. Otherwise the caller's arrays are
    /// used directly.
    pub x: bool,
    pub output: bool,
    /// Steps of the gates, of c and of tanh(c).
    pub gates: usize,
    pub c: usize,
    pub tanh_c: usize,
}

impl Storage {
    /// Everything that a backward pass needs.
    pub(crate) fn for_backward(plan: &Plan) -> Storage {
        let steps = plan.steps;
        Storage { for_backward: true, x: true, output: true, gates: steps, c: steps + 1, tanh_c: steps }
    }

    /// As little as possible.
    pub(crate) fn for_inference(plan: &Plan, io: &ForwardIo) -> Storage {
        let feature_major = plan.layout == Layout::FeatureMajor;
        Storage {
            for_backward: false,
            x: feature_major || io.x.step_stride != plan.batch * io.x.row_stride,
            output: feature_major || plan.config.hidden_size != plan.padded_hidden(),
            gates: PROJECTED_ROWS.div_ceil(plan.batch).min(plan.steps),
            c: 1,
            tanh_c: 0,
        }
    }
}

impl Activations {
    pub(crate) fn new(plan: &Plan, storage: Storage, with_dropout: bool) -> Result<Activations> {
        let config = plan.config;
        let state = |steps| Buffer::new(plan.buffer_len(plan.state_features(), steps));
        let c_state = |steps| state(if config.cell.has_c() { steps } else { 0 });
        let direction = |_| {
            let gates = Buffer::new(plan.buffer_len(plan.gate_features(), storage.gates))?;
            Ok(DirectionActivations { gates, c: c_state(storage.c)?, tanh_c: c_state(storage.tanh_c)? })
        };
        let output = |stored| Buffer::new(plan.buffer_len(plan.output_features(), if stored { plan.steps } else { 0 }));
        let layer = |layer| {
            let last = layer + 1 == config.num_layers;
            let dropout = || Ok(Dropout { mask: output(true)?, output: output(true)? });
            Ok(LayerActivations {
                output: output(storage.output || !last)?,
                dropout: (with_dropout && !last).then(dropout).transpose()?,
                directions: (0..config.directions()).map(direction).collect::<Result<_>>()?,
            })
        };
        Ok(Activations {
            x: Buffer::new(plan.buffer_len(plan.input_features(0), if storage.x { plan.steps } else { 0 }))?,
            h_0: state(config.state_rows())?,
            layers: (0..config.num_layers).map(layer).collect::<Result<_>>()?,
        })
    }

    /// The input of `layer`.
    pub(crate) fn input(&self, plan: &Plan, layer: usize, shard: &Shard) -> SequencePtr {
        let buffer = match layer.checked_sub(1).map(|below| &self.layers[below]) {
            None => &self.x,
            Some(below) => below.dropout.as_ref().map_or(&below.output, |dropout| &dropout.output),
        };
        plan.sequence(buffer, plan.input_features(layer), plan.steps, shard)
    }

    /// h of every step of a layer and direction.
    pub(crate) fn h(&self, plan: &Plan, layer: usize, direction: usize, shard: &Shard) -> SequencePtr {
        let output = plan.sequence(&self.layers[layer].output, plan.output_features(), plan.steps, shard);
        output.offset(direction * plan.group_stride(plan.config.hidden_size, shard))
    }

    /// The initial hidden state of a layer and direction.
    pub(crate) fn h_0(&self, plan: &Plan, state_row: usize, shard: &Shard) -> MatrixPtr {
        plan.sequence(&self.h_0, plan.state_features(), plan.config.state_rows(), shard).step(state_row)
    }
}

/// The order in which a direction processes the time steps.
#[derive(Clone, Copy)]
pub(crate) struct TimeOrder {
    pub steps: usize,
    /// From the last step to the first.
    pub reverse: bool,
}

impl TimeOrder {
    /// The time step that is processed as number `i`.
    pub(crate) fn step(self, i: usize) -> usize {
        if self.reverse { self.steps - 1 - i } else { i }
    }

    /// Where a buffer of `steps + 1` steps holds c before and after the step that is processed as number `i`.
    pub(crate) fn c_slots(self, i: usize) -> (usize, usize) {
        let step = self.step(i);
        if self.reverse { (step + 1, step) } else { (step, step + 1) }
    }
}
