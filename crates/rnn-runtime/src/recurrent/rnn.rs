use std::fmt;
use std::sync::Arc;

use ndarray::{Array, Array3, ArrayView, ArrayView3, Ix2, Ix3};
use rnn_kernels::CellKind;

use super::layer_methods::layer_methods;
use super::options::{Nonlinearity, RnnOptions};
use super::rank::Rank;
use super::stack::Stack;
use super::state::H;
use super::trace::Trace;
use crate::error::Result;
use crate::state_dict::StateDict;

/// Equivalent of `torch.nn.RNN`, and of `torch.nn.RNNCell`.
///
/// ```text
/// h' = tanh(W_ih x + b_ih + W_hh h + b_hh)
/// ```
///
/// With [`Nonlinearity::Relu`] it is relu instead of tanh. A layer reads the output of the layer below. A clone shares the
/// weights.
#[doc(alias = "torch.nn.RNN")]
#[doc(alias = "RNNCell")]
#[derive(Clone)]
pub struct Rnn(Arc<Stack>);

layer_methods!(Rnn, H);

impl Rnn {
    const TORCH_NAME: &'static str = "RNN";

    /// Builds the layer. The sizes, the number of layers, the directions and the biases come from the names and shapes
    /// of the weights: `weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0`, `bias_hh_l0`, .. as in `torch.nn.RNN`, or `weight_ih`,
    /// .. as in `torch.nn.RNNCell`. Other tensors are ignored.
    ///
    /// # Errors
    /// [`Error::Weights`](crate::Error::Weights) with every weight that is missing or does not fit.
    pub fn from_state_dict(weights: &StateDict, options: impl Into<RnnOptions>) -> Result<Rnn> {
        let RnnOptions { options, nonlinearity } = options.into();
        let cell = match nonlinearity {
            Nonlinearity::Tanh => CellKind::RnnTanh,
            Nonlinearity::Relu => CellKind::RnnRelu,
        };
        Ok(Rnn(Arc::new(Stack::new(weights, "RNN", cell, options)?)))
    }
}
