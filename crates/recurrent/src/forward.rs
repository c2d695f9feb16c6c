//! The forward pass of a layer: torch's checks in torch's order, then libtorch's operation.

use std::borrow::Borrow;

use tch::Tensor;

use crate::error::{Error, Result};
use crate::layer_base::LayerBase;
use crate::options::{Mode, Nonlinearity, Options};
use crate::packed_sequence::PackedSequence;
use crate::state::{State, state_from};
use crate::tensor::{device_of, kind_of};

/// A padded input and a state that passed torch's checks. An unbatched sequence is turned into a batch of one.
pub(crate) struct Padded {
    pub(crate) input: Tensor,
    pub(crate) hx: Vec<Tensor>,
    pub(crate) batch_dim: i64,
    batched: bool,
}

impl Padded {
    /// Removes the batch dimension of a result if the input had none.
    pub(crate) fn unbatch(&self, output: Tensor) -> Result<Tensor> {
        Ok(if self.batched { output } else { output.f_squeeze_dim(self.batch_dim)? })
    }

    /// Removes the batch dimension of a state if the input had none.
    pub(crate) fn unbatch_state(&self, state: Vec<Tensor>) -> Result<Vec<Tensor>> {
        let unbatch = |state: Tensor| Ok(if self.batched { state } else { state.f_squeeze_dim(1)? });
        state.into_iter().map(unbatch).collect()
    }
}

impl LayerBase {
    /// Output and new state of a padded or unbatched input.
    pub(crate) fn forward<S: State>(&self, input: &Tensor, hx: Option<&S>) -> Result<(Tensor, S)> {
        let padded = self.check_padded(input, hx)?;
        let (output, state) = match &self.fused {
            // The kernels do not support an empty input. libtorch returns an empty result or its own error.
            Some(fused) if padded.input.numel() > 0 => {
                let batch_first = self.options.batch_first;
                fused.run(self.weights(), &padded.input, &padded.hx, batch_first, self.active_dropout())?
            }
            _ => self.run(&padded.input, &padded.hx, self.training)?,
        };
        Ok((padded.unbatch(output)?, state_from(padded.unbatch_state(state)?)?))
    }

    /// Output and new state of a packed input. The state is in the caller's order; the packed data are sorted.
    pub(crate) fn forward_packed<S: State>(
        &self,
        input: &PackedSequence,
        hx: Option<&S>,
    ) -> Result<(PackedSequence, S)> {
        let given = self.state_tensors(hx)?;
        let (sizes, batch_sizes) = input.batch_sizes()?;
        let batch = sizes.first().copied().unwrap_or(0);
        let hx = match &given {
            Some(given) => permute(given, input.sorted_indices.as_ref())?,
            None => self.zero_state(batch, &input.data)?,
        };
        self.check_input(&input.data, 2)?;
        self.check_state(&hx, batch)?;
        // torch checks only the permuted state, so it ignores the surplus rows of a state that is too large.
        self.check_state(&given.unwrap_or_default(), batch)?;

        let (output, state) = match &self.fused {
            Some(fused) => fused.run_packed(self.weights(), &input.data, &sizes, &hx, self.active_dropout())?,
            None => self.run_packed(&input.data, &batch_sizes, &hx)?,
        };
        Ok((input.with_data(output), state_from(permute(&state, input.unsorted_indices.as_ref())?)?))
    }

    /// The dropout probability in the present mode.
    fn active_dropout(&self) -> f64 {
        if self.training { self.options.dropout } else { 0.0 }
    }

    /// The checks of a padded or unbatched input.
    pub(crate) fn check_padded<S: State>(&self, input: &Tensor, hx: Option<&S>) -> Result<Padded> {
        let hx = self.state_tensors(hx)?;
        let batched = match input.dim() {
            2 => false,
            3 => true,
            got => return Err(Error::InputRank { layer: self.options.mode.name(), got }),
        };
        let hx = hx.map(|hx| check_state_rank(hx, batched)).transpose()?;

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
        self.check_input(&input, 3)?;
        self.check_state(&hx, batch)?;
        Ok(Padded { input, hx, batched, batch_dim })
    }

    /// The tensors of a state, if there are as many as this layer needs. Only an `AnyState` can have a wrong number.
    pub(crate) fn state_tensors<'a, S: State>(&self, hx: Option<&'a S>) -> Result<Option<Vec<&'a Tensor>>> {
        let Some(tensors) = hx.map(State::tensors) else { return Ok(None) };
        let (expected, got) = (self.options.mode.state_count(), tensors.len());
        if got != expected {
            return Err(Error::StateCount { layer: self.options.mode.name(), expected, got });
        }
        Ok(Some(tensors))
    }

    /// `RNNBase.get_expected_hidden_size`; for an LSTM `get_expected_cell_size` too.
    fn state_sizes(&self, batch: i64) -> Vec<[i64; 3]> {
        let Options { mode, num_layers, hidden_size, .. } = self.options;
        let rows = num_layers * self.options.num_directions();
        let h = [rows, batch, self.options.output_size()];
        match mode {
            Mode::Lstm => vec![h, [rows, batch, hidden_size]],
            Mode::Rnn(_) | Mode::Gru => vec![h],
        }
    }

    pub(crate) fn zero_state(&self, batch: i64, input: &Tensor) -> Result<Vec<Tensor>> {
        let options = (kind_of(input)?, device_of(input)?);
        let zeros = |size: [i64; 3]| Ok(Tensor::f_zeros(size, options)?);
        self.state_sizes(batch).into_iter().map(zeros).collect()
    }

    /// `RNNBase.check_input`.
    fn check_input(&self, input: &Tensor, rank: usize) -> Result<()> {
        let (kind, weight) = (kind_of(input)?, kind_of(&self.weights()[0])?);
        if kind != weight {
            return Err(Error::KindMismatch { input: kind, weight });
        }
        if input.dim() != rank {
            return Err(Error::PackedRank(input.dim()));
        }
        let (expected, got) = (self.options.input_size, input.size().last().copied().unwrap_or(0));
        if got != expected {
            return Err(Error::InputSize { expected, got });
        }
        Ok(())
    }

    /// `RNNBase.check_hidden_size`, for each tensor of the state.
    pub(crate) fn check_state(&self, hx: &[impl Borrow<Tensor>], batch: i64) -> Result<()> {
        let expected = self.state_sizes(batch);
        for (i, (state, expected)) in hx.iter().zip(expected).enumerate() {
            let got = state.borrow().size();
            if got != expected {
                return Err(Error::StateSize { index: self.options.mode.state_index(i), expected, got });
            }
        }
        Ok(())
    }

    /// libtorch's operation. Python calls the same one, so the bits are the same.
    pub(crate) fn run(&self, input: &Tensor, hx: &[Tensor], training: bool) -> Result<(Tensor, Vec<Tensor>)> {
        let Options { mode, bias, num_layers, dropout, bidirectional, batch_first, .. } = self.options;
        let weights = self.weights();
        let (output, state) = match mode {
            Mode::Lstm => {
                let (output, h, c) =
                    input.f_lstm(hx, weights, bias, num_layers, dropout, training, bidirectional, batch_first)?;
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

    /// libtorch's operation for packed data.
    fn run_packed(&self, data: &Tensor, batch_sizes: &Tensor, hx: &[Tensor]) -> Result<(Tensor, Vec<Tensor>)> {
        let Options { mode, bias, num_layers: layers, dropout: p, bidirectional: bi, .. } = self.options;
        let (sizes, weights, train) = (batch_sizes, self.weights(), self.training);
        let (output, state) = match mode {
            Mode::Lstm => {
                let (output, h, c) = Tensor::f_lstm_data(data, sizes, hx, weights, bias, layers, p, train, bi)?;
                return Ok((output, vec![h, c]));
            }
            Mode::Rnn(Nonlinearity::Tanh) => {
                Tensor::f_rnn_tanh_data(data, sizes, &hx[0], weights, bias, layers, p, train, bi)?
            }
            Mode::Rnn(Nonlinearity::Relu) => {
                Tensor::f_rnn_relu_data(data, sizes, &hx[0], weights, bias, layers, p, train, bi)?
            }
            Mode::Gru => Tensor::f_gru_data(data, sizes, &hx[0], weights, bias, layers, p, train, bi)?,
        };
        Ok((output, vec![state]))
    }
}

/// Checks that the state has the rank of the input.
fn check_state_rank(hx: Vec<&Tensor>, batched: bool) -> Result<Vec<&Tensor>> {
    let rank = if batched { 3 } else { 2 };
    if hx.iter().any(|state| state.dim() != rank) {
        return Err(Error::StateRank { batched, got: hx.iter().map(|state| state.dim()).collect() });
    }
    Ok(hx)
}

/// Reorders the batch of every tensor of a state (`RNNBase.permute_hidden`).
fn permute(state: &[impl Borrow<Tensor>], order: Option<&Tensor>) -> Result<Vec<Tensor>> {
    let permuted = |state: &Tensor| match order {
        Some(order) => Ok(state.f_index_select(1, order)?),
        None => Ok(state.shallow_clone()),
    };
    state.iter().map(|state| permuted(state.borrow())).collect()
}
