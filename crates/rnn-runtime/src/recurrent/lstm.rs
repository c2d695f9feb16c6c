use std::fmt;
use std::sync::Arc;

use ndarray::{Array, Array3, ArrayView, ArrayView3, Ix2, Ix3};
use rnn_kernels::CellKind;

use super::layer_methods::layer_methods;
use super::options::Options;
use super::rank::Rank;
use super::stack::Stack;
use super::state::HAndC;
use super::trace::Trace;
use crate::error::Result;
use crate::state_dict::StateDict;

/// Equivalent of `torch.nn.LSTM`, and of `torch.nn.LSTMCell`. Its state is (h, c).
///
/// ```text
/// i = sigmoid(W_ii x + b_ii + W_hi h + b_hi)    input gate
/// f = sigmoid(W_if x + b_if + W_hf h + b_hf)    forget gate
/// g = tanh(W_ig x + b_ig + W_hg h + b_hg)       candidate
/// o = sigmoid(W_io x + b_io + W_ho h + b_ho)    output gate
/// c' = f * c + i * g                            cell state
/// h' = o * tanh(c')                             hidden state
/// ```
///
/// The rows of `weight_ih_l0`, (4 * hidden_size, input_size), are those of i, f, g and o. With a projection (`weight_hr_l0`,
/// proj_size in torch) the hidden state is W_hr h'. A layer reads the output of the layer below. A clone shares the weights.
#[doc(alias = "torch.nn.LSTM")]
#[doc(alias = "LSTMCell")]
#[derive(Clone)]
pub struct Lstm(Arc<Stack>);

layer_methods!(Lstm, HAndC);

impl Lstm {
    const TORCH_NAME: &'static str = "LSTM";

    /// Builds the layer. The sizes, the number of layers, the directions, the projection and the biases come from the names and shapes
    /// of the weights: `weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0`, `bias_hh_l0`, .. as in `torch.nn.LSTM`, or `weight_ih`,
    /// .. as in `torch.nn.LSTMCell`. Other tensors are ignored.
    ///
    /// # Errors
    /// [`Error::Weights`](crate::Error::Weights) with every weight that is missing or does not fit.
    pub fn from_state_dict(weights: &StateDict, options: Options) -> Result<Lstm> {
        Ok(Lstm(Arc::new(Stack::new(weights, "LSTM", CellKind::Lstm, options)?)))
    }

    /// Features of the hidden state with a projection; 0 without.
    pub fn proj_size(&self) -> usize {
        self.0.config().proj_size
    }
}
