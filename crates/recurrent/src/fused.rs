//! The fused backend: a layer's options and parameters for [`torch_ext::fused_rnn`].

use std::sync::atomic::{AtomicBool, Ordering};

use tch::Tensor;
use torch_ext::fused_rnn::{CellKind, Config, FusedRnn, SLOW_BUILD, check_tensor};

use crate::base::Base;
use crate::config::{Mode, Nonlinearity, Options};
use crate::error::{Error, Result};

/// The kernels for a layer.
#[derive(Debug)]
pub(crate) struct Fused {
    kernels: FusedRnn,
    /// Whether a packed batch has come, which the kernels do not compute.
    packed: AtomicBool,
}

impl Fused {
    /// The kernels for a layer, if they compute it.
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
        };
        Ok(Fused { kernels: FusedRnn::new(config)?, packed: AtomicBool::new(false) })
    }

    /// Records that a packed batch is computed by libtorch's operations.
    pub(crate) fn note_packed(&self) {
        self.packed.store(true, Ordering::Relaxed);
    }

    /// Why the backend is not as fast as it could be.
    pub(crate) fn warnings(&self) -> impl Iterator<Item = String> {
        let packed = self.packed.load(Ordering::Relaxed).then_some(
            "the fused backend does not compute packed sequences: forward_packed took the operations of Backend::Exact, with \
             its numbers and its speed; a padded batch would be computed by the kernels",
        );
        SLOW_BUILD.into_iter().chain(packed).map(str::to_owned)
    }

    /// Equivalent of [`Base::run`]. Input and state have passed torch's checks.
    pub(crate) fn run(&self, base: &Base, input: &Tensor, hx: &[Tensor]) -> Result<(Tensor, Vec<Tensor>)> {
        if input.numel() == 0 {
            return base.run(input, hx); // libtorch's own error, or an empty result
        }
        let hx: Vec<&Tensor> = hx.iter().collect();
        let dropout = if base.training { base.options.dropout } else { 0.0 };
        Ok(self.kernels.forward(base.weights(), input, &hx, base.options.batch_first, dropout)?)
    }
}
