//! The fused backend: runs a layer with the kernels of [`torch_ext::fused_rnn`].

use tch::Tensor;
use torch_ext::fused_rnn::{CellKind, Config, FusedRnn, SLOW_BUILD, Stream, check_tensor};

use crate::error::Result;
use crate::options::{Mode, Nonlinearity, Options};

/// The kernels for one layer.
#[derive(Debug)]
pub(crate) struct Fused {
    kernels: FusedRnn,
}

impl Fused {
    /// An error for a layer that the kernels do not support.
    pub(crate) fn new(options: &Options, weights: &[Tensor]) -> Result<Fused> {
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
            proj_size: options.proj_size as usize,
        };
        Ok(Fused { kernels: FusedRnn::new(config)? })
    }

    /// The reasons why the backend is slower than it could be.
    pub(crate) fn warnings(&self) -> impl Iterator<Item = String> {
        SLOW_BUILD.into_iter().map(str::to_owned)
    }

    /// The kernels for a cell: a layer that runs one step.
    pub(crate) fn for_cell(
        mode: Mode,
        (input_size, hidden_size): (i64, i64),
        bias: bool,
        weights: &[Tensor],
    ) -> Result<Fused> {
        Fused::new(&Options { bias, ..Options::new(mode, input_size, hidden_size) }, weights)
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

    /// The state after one step: input (batch, input_size), state (batch, hidden_size). They have passed torch's checks and
    /// are not empty.
    pub(crate) fn run_cell(&self, weights: &[Tensor], input: &Tensor, hx: &[Tensor]) -> Result<Vec<Tensor>> {
        let one_step = |tensor: &Tensor| tensor.f_unsqueeze(0);
        let hx = hx.iter().map(one_step).collect::<std::result::Result<Vec<_>, _>>()?;
        let (_, state) = self.run(weights, &one_step(input)?, &hx, false, 0.0)?;
        state.into_iter().map(|state| Ok(state.f_squeeze_dim(0)?)).collect()
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

    /// A stream that starts from this state.
    pub(crate) fn stream(&self, weights: &[Tensor], hx: &[Tensor]) -> Result<FusedStream> {
        let hx: Vec<&Tensor> = hx.iter().collect();
        Ok(FusedStream(self.kernels.stream(weights, &hx)?))
    }

    /// The output of the time step `x_t`, (batch, input_size).
    pub(crate) fn step<'s>(&self, weights: &[Tensor], x_t: &Tensor, stream: &'s mut FusedStream) -> Result<&'s Tensor> {
        Ok(self.kernels.step(weights, x_t, &mut stream.0)?)
    }
}

/// The state of a stream.
pub(crate) struct FusedStream(Stream);

impl FusedStream {
    pub(crate) fn state(&self) -> Result<Vec<Tensor>> {
        Ok(self.0.state()?)
    }
}
