//! One time step at a time, for streams.

use ndarray::{ArrayView, ArrayView2, Axis};
use rnn_kernels::{Batch, Stepper};

use super::rank::Rank;
use super::stack::Stack;
use super::state::{State, row_major_mut};
use crate::arrays::{product, zeros};
use crate::error::{Error, Result};

/// The buffers of a step, for a number of sequences.
pub(super) struct StepBuffers {
    stepper: Stepper,
    /// x in row-major order.
    x: Vec<f32>,
    output: Vec<f32>,
}

impl Stack {
    /// Runs one time step. The buffers of an earlier call are used again, so that nothing is allocated.
    pub(super) fn step<'s, D: Rank, S: State<D>>(
        &self,
        x: ArrayView<'_, f32, D::Smaller>,
        state: &'s mut S,
    ) -> Result<ArrayView<'s, f32, D::Smaller>> {
        if self.config().bidirectional {
            return Err(Error::BidirectionalStep);
        }
        let x = D::step(x);
        let (sequences, features) = x.dim();
        if features != self.config().input_size {
            return Err(Error::InputSize { expected: self.config().input_size, got: features });
        }
        self.check_state(sequences, &state.views())?;
        let (h, mut c) = state.arrays();
        if sequences > 0 {
            let mut buffers = self.take_buffers(sequences)?;
            // `row_major_mut` makes the arrays row-major, so both have a slice.
            let c = c.as_mut().and_then(|c| row_major_mut(c));
            let result = row_major_mut(h).map_or(Ok(()), |h| self.step_in(&mut buffers, &x, h, c));
            self.step_buffers().push(buffers);
            result?;
        }
        let last = self.config().state_rows() - 1;
        Ok(D::from_step(D::state(h).index_axis_move(Axis(0), last))) // h of the last layer
    }

    fn step_in(
        &self,
        buffers: &mut StepBuffers,
        x: &ArrayView2<'_, f32>,
        h: &mut [f32],
        c: Option<&mut [f32]>,
    ) -> Result<()> {
        let StepBuffers { stepper, x: copy, output } = buffers;
        let weights = self.packed_for(Batch::Padded { steps: 1, sequences: x.nrows() })?;
        let x = match x.as_slice() {
            Some(x) => x,
            None => {
                copy.iter_mut().zip(x).for_each(|(to, from)| *to = *from);
                copy
            }
        };
        Ok(stepper.step(weights, x, h, c, output)?)
    }

    /// The buffers of an earlier call, or new ones.
    fn take_buffers(&self, sequences: usize) -> Result<StepBuffers> {
        let mut all = self.step_buffers();
        if let Some(index) = all.iter().position(|buffers| buffers.stepper.sequences() == sequences) {
            return Ok(all.swap_remove(index));
        }
        drop(all); // another thread can step meanwhile
        Ok(StepBuffers {
            stepper: self.network().stepper(sequences)?,
            x: zeros(product(&[sequences, self.config().input_size]))?,
            output: zeros(product(&[sequences, self.config().output_size()]))?,
        })
    }
}
