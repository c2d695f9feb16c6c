//! A cell of any kind: parameters, torch's checks, one step.

use std::fmt;

use tch::Tensor;
use tch::nn::Path;

use crate::backend::Backend;
use crate::error::{Error, Result};
use crate::fused::Fused;
use crate::options::{Mode, Nonlinearity};
use crate::parameters::Parameters;
use crate::state::{State, state_from};
use crate::tensor::{device_of, kind_of};

/// A cell of any kind, without the type of its state.
#[derive(Debug)]
pub(crate) struct CellBase {
    pub(crate) mode: Mode,
    pub(crate) input_size: i64,
    pub(crate) hidden_size: i64,
    pub(crate) bias: bool,
    pub(crate) parameters: Parameters,
    /// The kernels, if the backend is [`Backend::Fused`].
    fused: Option<Fused>,
}

impl CellBase {
    /// `RNNCellBase.__init__`. It checks nothing: libtorch rejects negative sizes and accepts zero.
    pub(crate) fn build(
        mode: Mode,
        path: &Path<'_>,
        (input_size, hidden_size): (i64, i64),
        bias: bool,
    ) -> Result<CellBase> {
        let stacked = mode.gates().saturating_mul(hidden_size);
        let mut shapes = vec![
            ("weight_ih".to_owned(), vec![stacked, input_size]),
            ("weight_hh".to_owned(), vec![stacked, hidden_size]),
        ];
        if bias {
            shapes.push(("bias_ih".to_owned(), vec![stacked]));
            shapes.push(("bias_hh".to_owned(), vec![stacked]));
        }
        let parameters = Parameters::build(path, shapes, hidden_size)?;
        Ok(CellBase { mode, input_size, hidden_size, bias, parameters, fused: None })
    }

    pub(crate) fn backend(&self) -> Backend {
        if self.fused.is_some() { Backend::Fused } else { Backend::Exact }
    }

    pub(crate) fn set_backend(&mut self, backend: Backend) -> Result<()> {
        let &mut CellBase { mode, input_size, hidden_size, bias, .. } = self;
        self.fused = match backend {
            Backend::Exact => None,
            Backend::Fused => Some(Fused::for_cell(mode, (input_size, hidden_size), bias, self.parameters.tensors())?),
        };
        Ok(())
    }

    /// torch's class name.
    pub(crate) fn name(&self) -> &'static str {
        match self.mode {
            Mode::Rnn(_) => "RNNCell",
            Mode::Lstm => "LSTMCell",
            Mode::Gru => "GRUCell",
        }
    }

    /// The state after one step.
    pub(crate) fn forward<S: State>(&self, input: &Tensor, hx: Option<&S>) -> Result<S> {
        let hx = hx.map(State::tensors);
        let rank = input.dim();
        if rank != 1 && rank != 2 {
            return Err(Error::CellInputRank { cell: self.name(), got: rank });
        }
        self.check_state_ranks(hx.as_deref().unwrap_or_default())?;

        // Turns an unbatched step into a batch of one.
        let with_batch = |tensor: &Tensor| -> Result<Tensor> {
            Ok(if rank == 2 { tensor.shallow_clone() } else { tensor.f_unsqueeze(0)? })
        };
        let input = with_batch(input)?;
        let hx = match hx {
            Some(hx) => hx.into_iter().map(with_batch).collect::<Result<Vec<_>>>()?,
            None => self.zero_state(&input)?,
        };
        self.check_sizes(&input, &hx, rank)?;

        let state = self.step(&input, &hx)?;
        let unbatch = |state: Tensor| Ok(if rank == 2 { state } else { state.f_squeeze_dim(0)? });
        state_from(state.into_iter().map(unbatch).collect::<Result<_>>()?)
    }

    fn check_state_ranks(&self, hx: &[&Tensor]) -> Result<()> {
        for (i, state) in hx.iter().enumerate() {
            let got = state.dim();
            if got != 1 && got != 2 {
                return Err(Error::CellStateRank { cell: self.name(), index: self.mode.state_index(i), got });
            }
        }
        Ok(())
    }

    fn zero_state(&self, input: &Tensor) -> Result<Vec<Tensor>> {
        let (size, options) = ([input.size()[0], self.hidden_size], (kind_of(input)?, device_of(input)?));
        (0..self.mode.state_count()).map(|_| Ok(Tensor::f_zeros(size, options)?)).collect()
    }

    /// libtorch's checks in its order, and a check for equal ranks. Without that check libtorch may compute wrong results
    /// or abort the process.
    fn check_sizes(&self, input: &Tensor, hx: &[Tensor], rank: usize) -> Result<()> {
        let (batch, got) = (input.size()[0], input.size()[1]);
        if got != self.input_size {
            return Err(Error::CellInputSize { expected: self.input_size, got });
        }
        for (index, state) in hx.iter().enumerate() {
            let size = state.size();
            if size[0] != batch {
                return Err(Error::CellBatch { index, expected: batch, got: size[0] });
            }
            if let Some(&got) = size.get(1).filter(|got| **got != self.hidden_size) {
                return Err(Error::CellHiddenSize { index, expected: self.hidden_size, got });
            }
            if size.len() != 2 {
                return Err(Error::CellMixedRanks { input: rank, state: rank + size.len() - 2 });
            }
        }
        Ok(())
    }

    fn step(&self, input: &Tensor, hx: &[Tensor]) -> Result<Vec<Tensor>> {
        let weights = self.parameters.tensors();
        // The kernels do not support an empty input.
        if let Some(fused) = self.fused.as_ref().filter(|_| input.numel() > 0) {
            return fused.run_cell(weights, input, hx);
        }
        let (w_ih, w_hh, b_ih, b_hh) = (&weights[0], &weights[1], weights.get(2), weights.get(3));
        let h = match self.mode {
            Mode::Lstm => {
                let hx: Vec<&Tensor> = hx.iter().collect();
                let (h, c) = input.f_lstm_cell(&hx, w_ih, w_hh, b_ih, b_hh)?;
                return Ok(vec![h, c]);
            }
            Mode::Rnn(Nonlinearity::Tanh) => input.f_rnn_tanh_cell(&hx[0], w_ih, w_hh, b_ih, b_hh)?,
            Mode::Rnn(Nonlinearity::Relu) => input.f_rnn_relu_cell(&hx[0], w_ih, w_hh, b_ih, b_hh)?,
            Mode::Gru => input.f_gru_cell(&hx[0], w_ih, w_hh, b_ih, b_hh)?,
        };
        Ok(vec![h])
    }
}

impl fmt::Display for CellBase {
    /// torch's `repr`: the arguments that differ from the defaults.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({}, {}", self.name(), self.input_size, self.hidden_size)?;
        if !self.bias {
            f.write_str(", bias=False")?;
        }
        if self.mode == Mode::Rnn(Nonlinearity::Relu) {
            f.write_str(", nonlinearity=relu")?;
        }
        f.write_str(")")
    }
}
