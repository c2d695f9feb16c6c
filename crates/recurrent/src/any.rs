//! A layer whose kind is chosen at run time.

use crate::gru::Gru;
use crate::layer_methods::layer;
use crate::lstm::Lstm;
use crate::rnn::Rnn;
use crate::state::AnyState;

layer! {
    /// An [`Rnn`], [`Lstm`] or [`Gru`], for a program that chooses the kind of layer at run time.
    ///
    /// It has the methods of the three, and its state is an [`AnyState`]. Build the layer with its own config and
    /// convert it:
    ///
    /// ```
    /// use recurrent::{AnyRecurrent, AnyState, GruConfig, LstmConfig, RnnConfig};
    /// use tch::{Tensor, nn::VarStore};
    ///
    /// # fn main() -> recurrent::Result<()> {
    /// let vs = VarStore::new(tch::Device::Cpu);
    /// let kind = "lstm"; // from the command line
    /// let rnn: AnyRecurrent = match kind {
    ///     "rnn" => RnnConfig::new(3, 5).num_layers(2).build(&vs.root())?.into(),
    ///     "lstm" => LstmConfig::new(3, 5).num_layers(2).build(&vs.root())?.into(),
    ///     _ => GruConfig::new(3, 5).num_layers(2).build(&vs.root())?.into(),
    /// };
    /// assert_eq!(rnn.to_string(), "LSTM(3, 5, num_layers=2)");
    ///
    /// let mut state: Option<AnyState> = None;
    /// for chunk in Tensor::zeros([8, 1, 3], tch::kind::FLOAT_CPU).f_chunk(4, 0)? {
    ///     let (_output, next) = rnn.forward(&chunk, state.as_ref())?;
    ///     state = Some(next.detach());
    /// }
    /// assert_eq!(state.map(|state| (state.h.size(), state.c.is_some())), Some((vec![2, 1, 5], true)));
    /// # Ok(()) }
    /// ```
    ///
    /// A state with `c` for a layer that has none, or the reverse, is an
    /// [`Error::StateCount`](crate::Error::StateCount).
    AnyRecurrent with state AnyState
}

impl From<Rnn> for AnyRecurrent {
    fn from(layer: Rnn) -> AnyRecurrent {
        AnyRecurrent { base: layer.base }
    }
}

impl From<Lstm> for AnyRecurrent {
    fn from(layer: Lstm) -> AnyRecurrent {
        AnyRecurrent { base: layer.base }
    }
}

impl From<Gru> for AnyRecurrent {
    fn from(layer: Gru) -> AnyRecurrent {
        AnyRecurrent { base: layer.base }
    }
}
