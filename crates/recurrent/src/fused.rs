//! The fused backend: runs a layer with the kernels of [`torch_ext::fused_rnn`].

use tch::Tensor;
use torch_ext::fused_rnn::{CellKind, Config, FusedRnn, SLOW_BUILD, check_tensor};

use crate::error::{Error, Result};
use crate::options::{Mode, Nonlinearity, Options};

/// The kernels for one layer.
#[derive(Debug)]
pub(crate) struct Fused {
    kernels: FusedRnn,
}

impl Fused {
    /// An error for a layer that the kernels do not support.
    pub(crate) fn new(options: &Options, weights: &[Tensor]) -> Result<Fused> {
        if options.proj_size > 0 {
            return Err(Error::NotFused(format!("has no projections, and proj_size is {}", options.proj_size)));
        }
        weights.iter().try_for_each(|weight| check_tensor("the weights are", weight))?;
        let config = Config {
            cell: match options.mode {
                Mode::Rnn(Nonlinearity::Tanh) => CellKind::RnnTanh,
                Mode::Rnn(Nonlinearity::Relu) => CellKind::RnnRelu,
                Mode::Lstm => CellKind::Lstm,
                Mode::Gru => CellKind::Gru,
            },
            input_size: options.input_size as usize,
            hidden_size: options.hidden_size as usize,
            num_layers: options.num_layers as usize,
            bias: options.bias,
            bidirectional: options.bidirectional,
            proj_size: 0,
        };
        Ok(Fused { kernels: FusedRnn::new(config)? })
    }

    /// The reasons why the backend is slower than it could be.
    pub(crate) fn warnings(&self) -> impl Iterator<Item = String> {
        SLOW_BUILD.into_iter().map(str::to_owned)
    }

    /// Output and new state. Input and state have passed torch's checks and are not empty.
    pub(crate) fn run(
        &self,
        weights: &[Tensor],
        input: &Tensor,
        hx: &[Tensor],
        batch_first: bool,
        dropout: f64,
    ) -> Result<(Tensor, Vec<Tensor>)> {
        let hx: Vec<&Tensor> = hx.iter().collect();
        Ok(self.kernels.forward(weights, input, &hx, batch_first, dropout)?)
    }

    /// As [`run`](Self::run), for the data of a packed batch. The state is in the order of the packed sequences.
    pub(crate) fn run_packed(
        &self,
        weights: &[Tensor],
        data: &Tensor,
        batch_sizes: &[i64],
        hx: &[Tensor],
        dropout: f64,
    ) -> Result<(Tensor, Vec<Tensor>)> {
        let hx: Vec<&Tensor> = hx.iter().collect();
        let batch_sizes: Vec<usize> = batch_sizes.iter().map(|size| *size as usize).collect();
        Ok(self.kernels.forward_packed(weights, data, &batch_sizes, &hx, dropout)?)
    }
}
