//! The backward pass of one call.

use std::error::Error as StdError;

use rnn_kernels::{InputGradients, Network, OutputGradients, Tape};
use tch::Tensor;

use super::tensors::{NewTensor, as_sequence, as_slice, as_slices, contiguous, contiguous_features};
use super::threads::TorchThreads;
use crate::autograd::Backward;
use crate::error::Result;

/// What the backward pass of one call needs.
pub(super) struct BackwardPass {
    pub(super) network: Network,
    pub(super) tape: Tape,
    pub(super) parameters: Vec<Tensor>,
    pub(super) batch_first: bool,
    /// The input's dimensions before the features, time first: (steps, batch), or (rows) for a packed batch.
    pub(super) input_rows: Vec<usize>,
    /// The number of state tensors: 1, or 2 for LSTM.
    pub(super) states: usize,
}

impl BackwardPass {
    /// One gradient for each of input, state, parameters.
    pub(super) fn run(
        &self,
        backward: &Backward<'_>,
    ) -> std::result::Result<Vec<Option<Tensor>>, Box<dyn StdError + Send + Sync>> {
        let inputs = 1 + self.states + self.parameters.len();
        if (0..=self.states).all(|output| backward.grad(output).is_none()) {
            return Ok((0..inputs).map(|_| None).collect());
        }
        let grad = |output| backward.grad(output).map(contiguous).transpose();
        let (d_h_n, d_c_n) = (grad(1)?, if self.states == 2 { grad(2)? } else { None });
        let d_output = backward.grad(0).map(contiguous_features).transpose()?;
        let gradients = OutputGradients {
            output: d_output.as_deref().map(|d| as_sequence(d, false, self.tape.batch())).transpose()?,
            h_n: d_h_n.as_deref().map(as_slice).transpose()?,
            c_n: d_c_n.as_deref().map(as_slice).transpose()?,
        };
        let weights = self.parameters.iter().map(contiguous).collect::<Result<Vec<_>>>()?;
        let weights = as_slices(&weights)?;

        let mut results = (0..inputs)
            .map(|input| if backward.needs(input) { self.new_gradient(input).map(Some) } else { Ok(None) })
            .collect::<Result<Vec<_>>>()?;
        let mut targets = results
            .iter_mut()
            .map(|result| result.as_mut().map(NewTensor::as_mut_slice).transpose())
            .collect::<Result<Vec<_>>>()?;
        let parameters = targets.split_off(1 + self.states);
        let mut targets = targets.into_iter();
        let mut next = || targets.next().flatten();
        let wanted = InputGradients { x: next(), h_0: next(), c_0: next(), parameters };
        let threads = TorchThreads::default();
        self.network.backward(&self.tape, &weights, &gradients, wanted, &threads)?;
        threads.result()?;
        let mut results: Vec<Option<Tensor>> =
            results.into_iter().map(|result| result.map(NewTensor::into_tensor)).collect();
        if let (true, Some(d_x)) = (self.batch_first, &mut results[0]) {
            *d_x = d_x.f_transpose(0, 1)?;
        }
        Ok(results)
    }

    /// The tensor for the gradient of an input, time first.
    fn new_gradient(&self, input: usize) -> Result<NewTensor> {
        let config = self.network.config();
        match input.checked_sub(1 + self.states) {
            Some(parameter) => {
                let size: Vec<usize> = self.parameters[parameter].size().into_iter().map(|n| n as usize).collect();
                NewTensor::new(&size)
            }
            None if input == 0 => NewTensor::new(&[&self.input_rows[..], &[config.input_size]].concat()),
            None => {
                let features = if input == 1 { config.state_size() } else { config.hidden_size };
                NewTensor::new(&[config.state_rows(), self.tape.batch(), features])
            }
        }
    }
}
