//! Running a layer: torch's checks in torch's order, then libtorch's own operation.

use tch::Tensor;

use crate::base::Base;
use crate::config::{Mode, Nonlinearity, Options};
use crate::error::{Error, Result};

impl Base {
    /// Output and new state of a padded or unbatched input; `hx` is the state's tensors (h, or h and c).
    pub(crate) fn forward(&self, input: &Tensor, hx: Option<Vec<&Tensor>>) -> Result<(Tensor, Vec<Tensor>)> {
        let batched = match input.dim() {
            2 => false,
            3 => true,
            got => return Err(Error::InputRank { layer: self.options.mode.name(), got }),
        };
        let hx = hx.map(|hx| check_state_rank(hx, batched)).transpose()?;

        // An unbatched sequence is a batch of one.
        let batch_dim = if self.options.batch_first { 0 } else { 1 };
        let with_batch = |tensor: &Tensor, dim: i64| -> Result<Tensor> {
            Ok(if batched { tensor.shallow_clone() } else { tensor.f_unsqueeze(dim)? })
        };
        let input = with_batch(input, batch_dim)?;
        let batch = input.size()[batch_dim as usize];
        let hx = match hx {
            Some(hx) => hx.into_iter().map(|state| with_batch(state, 1)).collect::<Result<Vec<_>>>()?,
            None => self.zero_state(batch, &input)?,
        };
        self.check_input(&input)?;
        self.check_state(&hx, batch)?;

        let (output, state) = self.run(&input, &hx)?;
        if batched {
            return Ok((output, state));
        }
        let state = state.iter().map(|state| state.f_squeeze_dim(1)).collect::<std::result::Result<_, _>>()?;
        Ok((output.f_squeeze_dim(batch_dim)?, state))
    }

    /// `get_expected_hidden_size`, and `get_expected_cell_size` behind it for an LSTM.
    fn state_sizes(&self, batch: i64) -> Vec<[i64; 3]> {
        let Options { mode, num_layers, hidden_size, .. } = self.options;
        let rows = num_layers * self.options.num_directions();
        let h = [rows, batch, self.options.output_size()];
        match mode {
            Mode::Lstm => vec![h, [rows, batch, hidden_size]],
            Mode::Rnn(_) | Mode::Gru => vec![h],
        }
    }

    fn zero_state(&self, batch: i64, input: &Tensor) -> Result<Vec<Tensor>> {
        let zeros = |size: [i64; 3]| Ok(Tensor::f_zeros(size, (input.kind(), input.device()))?);
        self.state_sizes(batch).into_iter().map(zeros).collect()
    }

    /// `RNNBase.check_input`.
    fn check_input(&self, input: &Tensor) -> Result<()> {
        let (kind, weight) = (input.kind(), self.weights()[0].kind());
        if kind != weight {
            return Err(Error::KindMismatch { input: kind, weight });
        }
        let (expected, got) = (self.options.input_size, input.size().last().copied().unwrap_or(0));
        if got != expected {
            return Err(Error::InputSize { expected, got });
        }
        Ok(())
    }

    /// `RNNBase.check_hidden_size`, for each tensor of the state.
    fn check_state(&self, hx: &[Tensor], batch: i64) -> Result<()> {
        let expected = self.state_sizes(batch);
        for (i, (state, expected)) in hx.iter().zip(expected).enumerate() {
            if state.size() != expected {
                let index = (self.options.mode == Mode::Lstm).then_some(i);
                return Err(Error::StateSize { index, expected, got: state.size() });
            }
        }
        Ok(())
    }

    /// libtorch's operation: the one that Python calls, hence Python's bits.
    fn run(&self, input: &Tensor, hx: &[Tensor]) -> Result<(Tensor, Vec<Tensor>)> {
        let Options { mode, bias, num_layers, dropout, bidirectional, batch_first, .. } = self.options;
        let (weights, training) = (self.weights(), self.training);
        let (output, state) = match mode {
            Mode::Lstm => {
                let hx: Vec<&Tensor> = hx.iter().collect();
                let weights: Vec<&Tensor> = weights.iter().collect();
                let (output, h, c) =
                    input.f_lstm(&hx, &weights, bias, num_layers, dropout, training, bidirectional, batch_first)?;
                return Ok((output, vec![h, c]));
            }
            Mode::Rnn(Nonlinearity::Tanh) => {
                input.f_rnn_tanh(&hx[0], weights, bias, num_layers, dropout, training, bidirectional, batch_first)?
            }
            Mode::Rnn(Nonlinearity::Relu) => {
                input.f_rnn_relu(&hx[0], weights, bias, num_layers, dropout, training, bidirectional, batch_first)?
            }
            Mode::Gru => {
                input.f_gru(&hx[0], weights, bias, num_layers, dropout, training, bidirectional, batch_first)?
            }
        };
        Ok((output, vec![state]))
    }
}

/// The state must have the rank of the input.
fn check_state_rank(hx: Vec<&Tensor>, batched: bool) -> Result<Vec<&Tensor>> {
    let rank = if batched { 3 } else { 2 };
    if hx.iter().any(|state| state.dim() != rank) {
        return Err(Error::StateRank { batched, got: hx.iter().map(|state| state.dim()).collect() });
    }
    Ok(hx)
}
