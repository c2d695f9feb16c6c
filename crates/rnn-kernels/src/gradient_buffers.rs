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
    /// d output of each layer. Empty for the last layer if the caller gave none.
    pub outputs: Vec<Buffer>,
    /// d x, if it is needed.
    pub x: Option<Buffer>,
    /// d gates: of all steps, a buffer for each layer and direction; or two buffers for chunks of steps.
    d_gates: Vec<Buffer>,
    /// The steps after which the backward pass uses their d gates.
    pub extent: Extent,
    /// d h and d c of the present step: a sequence with a step for each state row.
    pub h: Buffer,
    pub c: Buffer,
}

impl GradientBuffers {
    pub(crate) fn new(plan: &Plan, io: &BackwardIo<'_>) -> Result<GradientBuffers> {
        let (config, state_rows) = (plan.config, plan.config.state_rows());
        let output = |layer| {
            let empty = layer + 1 == config.num_layers && io.d_output.is_none();
            let extent = if empty { Extent::Nothing } else { Extent::AllSteps };
            Buffer::new(plan.buffer_len(plan.output_features(), extent))
        };
        let state = |exists| {
            let extent = if exists { Extent::States(state_rows) } else { Extent::Nothing };
            Buffer::new(plan.buffer_len(plan.state_features(), extent))
        };
        let (count, extent) =
            if plan.in_chunks() { (2, Extent::Chunk(CHUNK_ROWS)) } else { (state_rows, Extent::AllSteps) };
        let d_gates = |_| Buffer::new(plan.buffer_len(plan.gate_features(), extent));
        let x = || Buffer::new(plan.buffer_len(plan.input_features(0), Extent::AllSteps));
        Ok(GradientBuffers {
            outputs: (0..config.num_layers).map(output).collect::<Result<_>>()?,
            x: io.d_x.map(|_| x()).transpose()?,
            d_gates: (0..count).map(d_gates).collect::<Result<_>>()?,
            extent,
            h: state(true)?,
            c: state(config.cell.has_c())?,
        })
    }

    /// d gates of a layer and direction in its chunk number `chunk`. The sequence starts with the time step `first`, the
    /// first one of the chunk. Chunks with even and odd numbers have a buffer each, because the first step of a chunk
    /// still reads those of the chunk before.
    pub(crate) fn d_gates<'s>(
        &self,
        plan: &Plan,
        state_row: usize,
        chunk: usize,
        first: usize,
        shard: &'s Shard,
    ) -> SequencePtr<'s> {
        let buffer = if plan.in_chunks() { &self.d_gates[chunk % 2] } else { &self.d_gates[state_row] };
        plan.sequence(buffer, plan.gate_features(), self.extent, shard).starting_with(first)
    }
}
