use std::fmt;
use std::sync::Arc;

use ndarray::{Array, Array3, ArrayView, ArrayView3, Ix2, Ix3};
use rnn_kernels::CellKind;

use super::layer_methods::layer_methods;
use super::options::Options;
use super::rank::Rank;
use super::stack::Stack;
use super::state::H;
use super::trace::Trace;
use crate::error::Result;
use crate::state_dict::StateDict;

/// Equivalent of `torch.nn.GRU`, and of `torch.nn.GRUCell`.
///
/// ```text
/// r = sigmoid(W_ir x + b_ir + W_hr h + b_hr)       reset gate
/// z = sigmoid(W_iz x + b_iz + W_hz h + b_hz)       update gate
/// n = tanh(W_in x + b_in + r * (W_hn h + b_hn))    candidate
/// h' = (1 - z) * n + z * h
/// ```
///
/// The rows of `weight_ih_l0`, (3 * hidden_size, input_size), are those of r, z and n. The reset gate multiplies W h, as
/// in torch. A layer reads the output of the layer below. A clone shares the weights.
#[doc(alias = "torch.nn.GRU")]
#[doc(alias = "GRUCell")]
#[derive(Clone)]
pub struct Gru(Arc<Stack>);

layer_methods!(Gru, H);

impl Gru {
    const TORCH_NAME: &'static str = "GRU";

    /// Builds the layer. The sizes, the number of layers, the directions and the biases come from the names and shapes
    /// of the weights: `weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0`, `bias_hh_l0`, .. as in `torch.nn.GRU`, or `weight_ih`,
    /// .. as in `torch.nn.GRUCell`. Other tensors are ignored.
    ///
    /// # Errors
    /// [`Error::Weights`](crate::Error::Weights) with every weight that is missing or does not fit.
    pub fn from_state_dict(weights: &StateDict, options: Options) -> Result<Gru> {
        Ok(Gru(Arc::new(Stack::new(weights, "GRU", CellKind::Gru, options)?)))
    }
}
