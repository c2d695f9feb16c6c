//! The buffers of a backward pass: the gradients with respect to the activations.

use crate::buffer_pool::Buffer;
use crate::error::Result;
use crate::io::BackwardIo;
use crate::plan::{Extent, Plan};
use crate::pointers::SequencePtr;
use crate::shard::Shard;
use crate::tuning::CHUNK_ROWS;

/// The gradients of the loss with respect to the activations.
pub(crate) struct GradientBuffers {
    /// d output of each layer. Empty for the last layer if the caller gave none, or if it is read in place.
    pub outputs: Vec<Buffer>,
    /// d x, if it is needed.
    pub x: Option<Buffer>,
    /// d gates: of all steps, a buffer for each layer and direction; or one buffer for a chunk of steps.
    d_gates: Vec<Buffer>,
    /// With a projection, d h of the same steps, otherwise empty.
    d_projected: Vec<Buffer>,
    /// The steps after which the backward pass uses their d gates.
    pub extent: Extent,
    /// d h and d c of the present step: a sequence with a step for each state row.
    pub h: Buffer,
    pub c: Buffer,
    /// With a projection: the gradient with respect to h before it, at the present step.
    pub unprojected: Buffer,
}

impl GradientBuffers {
    pub(crate) fn new(plan: &Plan, io: &BackwardIo<'_>) -> Result<GradientBuffers> {
        let (config, state_rows) = (plan.config, plan.config.state_rows());
        let output = |layer| {
            let empty = layer + 1 == config.num_layers && (io.d_output.is_none() || plan.output_in_place());
            let extent = if empty { Extent::Nothing } else { Extent::AllSteps };
            Buffer::new(plan.buffer_len(plan.output_features(), extent))
        };
        let buffer = |features, extent, exists| {
            Buffer::new(plan.buffer_len(features, if exists { extent } else { Extent::Nothing }))
        };
        let (count, extent) =
            if plan.in_chunks() { (1, Extent::Chunk(CHUNK_ROWS)) } else { (state_rows, Extent::AllSteps) };
        let d_gates = |_| buffer(plan.gate_features(), extent, true);
        let d_projected = |_| buffer(plan.state_features(), extent, true);
        let projections = if plan.projected() { count } else { 0 };
        let x = || Buffer::new(plan.buffer_len(plan.input_features(0), Extent::AllSteps));
        Ok(GradientBuffers {
            outputs: (0..config.num_layers).map(output).collect::<Result<_>>()?,
            x: io.d_x.map(|_| x()).transpose()?,
            d_gates: (0..count).map(d_gates).collect::<Result<_>>()?,
            d_projected: (0..projections).map(d_projected).collect::<Result<_>>()?,
            extent,
            h: buffer(plan.state_features(), Extent::States(state_rows), true)?,
            c: buffer(plan.cell_features(), Extent::States(state_rows), config.cell.has_c())?,
            unprojected: buffer(plan.cell_features(), Extent::States(1), plan.projected())?,
        })
    }

    /// What the backward pass computes for the weight gradients of a layer and direction. The sequences start with the
    /// time step `first`: the first one of a chunk, which replaces the chunk before.
    pub(crate) fn steps<'s>(&self, plan: &Plan, state_row: usize, first: usize, shard: &'s Shard) -> StepGradients<'s> {
        let index = if plan.in_chunks() { 0 } else { state_row };
        let sequence = |buffer, features| plan.sequence(buffer, features, self.extent, shard).starting_with(first);
        StepGradients {
            gates: sequence(&self.d_gates[index], plan.gate_features()),
            projected: self.d_projected.get(index).map(|buffer| sequence(buffer, plan.state_features())),
        }
    }
}

/// Gradients of some time steps, from which those of the weights are computed.
#[derive(Clone, Copy)]
pub(crate) struct StepGradients<'s> {
    /// d gates.
    pub gates: SequencePtr<'s>,
    /// With a projection: d h.
    pub projected: Option<SequencePtr<'s>>,
}
