//! The buffers of a forward pass: the activations, which the backward pass reads again.

use crate::buffer_pool::Buffer;
use crate::error::Result;
use crate::plan::{Extent, Layout, Plan};
use crate::pointers::{MatrixPtr, SequencePtr};
use crate::shard::Shard;
use crate::tuning::PROJECTED_ROWS;

/// The activations of a forward pass.
pub(crate) struct Activations {
    pub x: Buffer,
    /// The initial hidden states: a sequence with a step for each state row.
    pub h_0: Buffer,
    /// LSTM: the initial cell states, likewise.
    pub c_0: Buffer,
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
    /// LSTM: c of every step, or only the present c.
    pub c: Buffer,
    /// LSTM: tanh(c) of every step, or nothing.
    pub tanh_c: Buffer,
    /// With a projection: h before it, of every step, or only the present one.
    pub unprojected: Buffer,
}

/// Which activations a forward pass stores.
#[derive(Clone, Copy)]
pub(crate) struct Storage {
    /// Whether a backward pass follows.
    pub for_backward: bool,
    /// Whether the workspace has a copy of x, and one of the last layer's output. Otherwise the caller's arrays are
    /// used directly.
    pub x: bool,
    pub output: bool,
    pub gates: Extent,
    pub c: Extent,
    pub tanh_c: Extent,
}

impl Storage {
    /// The steps whose inputs are projected together.
    pub(crate) const PROJECTED: Extent = Extent::Chunk(PROJECTED_ROWS);

    /// Everything that a backward pass needs.
    pub(crate) const FOR_BACKWARD: Storage = Storage {
        for_backward: true,
        x: true,
        output: true,
        gates: Extent::AllSteps,
        c: Extent::AllSteps,
        tanh_c: Extent::AllSteps,
    };

    /// As little as possible. `x_has_gaps`: whether the rows of a step of x do not follow those of the step before.
    pub(crate) fn for_inference(plan: &Plan, x_has_gaps: bool) -> Storage {
        Storage {
            for_backward: false,
            x: plan.layout == Layout::FeatureMajor || x_has_gaps,
            output: !plan.output_in_place(),
            gates: Storage::PROJECTED,
            c: Extent::States(1),
            tanh_c: Extent::Nothing,
        }
    }
}

impl Activations {
    pub(crate) fn new(plan: &Plan, storage: Storage, with_dropout: bool) -> Result<Activations> {
        let config = plan.config;
        let buffer = |features, extent, exists| {
            Buffer::new(plan.buffer_len(features, if exists { extent } else { Extent::Nothing }))
        };
        let cell = |extent, exists| buffer(plan.cell_features(), extent, exists);
        let has_c = config.cell.has_c();
        let direction = |_| {
            Ok(DirectionActivations {
                gates: buffer(plan.gate_features(), storage.gates, true)?,
                c: cell(storage.c, has_c)?,
                tanh_c: cell(storage.tanh_c, has_c)?,
                unprojected: cell(storage.c, plan.projected())?,
            })
        };
        let steps = |features, stored| buffer(features, Extent::AllSteps, stored);
        let output = |stored| steps(plan.output_features(), stored);
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
            x: steps(plan.input_features(0), storage.x)?,
            h_0: buffer(plan.state_features(), Extent::States(config.state_rows()), true)?,
            c_0: cell(Extent::States(config.state_rows()), has_c)?,
            layers: (0..config.num_layers).map(layer).collect::<Result<_>>()?,
        })
    }

    /// The input of `layer`.
    pub(crate) fn input<'s>(&self, plan: &Plan, layer: usize, shard: &'s Shard) -> SequencePtr<'s> {
        let buffer = match layer.checked_sub(1).map(|below| &self.layers[below]) {
            None => &self.x,
            Some(below) => below.dropout.as_ref().map_or(&below.output, |dropout| &dropout.output),
        };
        plan.sequence(buffer, plan.input_features(layer), Extent::AllSteps, shard)
    }

    /// h of every step of a layer and direction.
    pub(crate) fn h<'s>(&self, plan: &Plan, layer: usize, direction: usize, shard: &'s Shard) -> SequencePtr<'s> {
        let output = plan.sequence(&self.layers[layer].output, plan.output_features(), Extent::AllSteps, shard);
        output.offset(direction * plan.group_stride(plan.config.state_size(), shard))
    }

    /// The initial hidden state of a layer and direction.
    pub(crate) fn h_0(&self, plan: &Plan, state_row: usize, shard: &Shard) -> MatrixPtr {
        plan.states(&self.h_0, plan.state_features(), shard).step(state_row)
    }

    /// LSTM: the initial cell state of a layer and direction.
    pub(crate) fn c_0(&self, plan: &Plan, state_row: usize, shard: &Shard) -> MatrixPtr {
        plan.states(&self.c_0, plan.cell_features(), shard).step(state_row)
    }
}
