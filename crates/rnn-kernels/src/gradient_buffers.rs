//! The buffers of a backward pass: the gradients with respect to the activations.

use crate::buffer_pool::Buffer;
use crate::error::Result;
use crate::io::BackwardIo;
use crate::plan::Plan;

/// The gradients of the loss with respect to the activations.
pub(crate) struct GradientBuffers {
    /// d output of each layer. Empty for the last layer if the caller gave none.
    pub outputs: Vec<Buffer>,
    /// d x, if it is needed.
    pub x: Option<Buffer>,
    /// d gates: of all steps, a buffer for each layer and direction; or of two chunks of steps, one buffer for all.
    d_gates: Vec<Buffer>,
    /// Number of steps after which the backward pass uses their d gates.
    pub chunk: usize,
    /// d h and d c of the present step: a sequence with a step for each state row.
    pub h: Buffer,
    pub c: Buffer,
}

impl GradientBuffers {
    pub(crate) fn new(plan: &Plan, io: &BackwardIo, chunk: usize) -> Result<GradientBuffers> {
        let (config, state_rows) = (plan.config, plan.config.state_rows());
        let output = |layer| {
            let empty = layer + 1 == config.num_layers && io.d_output.is_none();
            Buffer::new(if empty { 0 } else { plan.buffer_len(plan.output_features(), plan.steps) })
        };
        let state = |exists| Buffer::new(if exists { plan.buffer_len(plan.state_features(), state_rows) } else { 0 });
        let (count, steps) = if chunk == plan.steps { (state_rows, chunk) } else { (1, 2 * chunk) };
        let d_gates = |_| Buffer::new(plan.buffer_len(plan.gate_features(), steps));
        let x = || Buffer::new(plan.buffer_len(plan.input_features(0), plan.steps));
        Ok(GradientBuffers {
            outputs: (0..config.num_layers).map(output).collect::<Result<_>>()?,
            x: io.d_x.map(|_| x()).transpose()?,
            d_gates: (0..count).map(d_gates).collect::<Result<_>>()?,
            chunk,
            h: state(true)?,
            c: state(config.cell.has_c())?,
        })
    }

    /// Whether the buffers hold d gates of two chunks only, so that each chunk must be used before the next but one.
    pub(crate) fn in_chunks(&self, plan: &Plan) -> bool {
        self.chunk < plan.steps
    }

    /// d gates of a layer and direction, and the number of steps in the buffer.
    pub(crate) fn d_gates(&self, plan: &Plan, state_row: usize) -> (&Buffer, usize) {
        if self.in_chunks(plan) { (&self.d_gates[0], 2 * self.chunk) } else { (&self.d_gates[state_row], plan.steps) }
    }
}
