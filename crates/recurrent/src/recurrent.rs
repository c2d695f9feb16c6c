//! The trait that the three layers share.

use std::fmt;

use tch::Tensor;

use crate::backend::Backend;
use crate::error::Result;
use crate::packed_sequence::PackedSequence;
use crate::trace::Trace;
use torch_ext::{IncompatibleKeys, StateDict};

pub(crate) mod sealed {
    pub trait Sealed {}
}

/// What the three layers have in common, for code that is generic over them. Sealed.
///
/// ```
/// use recurrent::{Gru, Recurrent, Rnn};
/// use tch::{Device, Tensor, nn::VarStore};
///
/// fn last_step<L: Recurrent>(layer: &L, x: &Tensor) -> Result<Tensor, recurrent::Error> {
///     let (output, _) = layer.forward(x, None)?;
///     Ok(output.f_get(-1)?)
/// }
///
/// # fn main() -> Result<(), recurrent::Error> {
/// let vs = VarStore::new(Device::Cpu);
/// let x = Tensor::zeros([7, 2, 3], tch::kind::FLOAT_CPU);
/// assert_eq!(last_step(&Rnn::new(&(vs.root() / "rnn"), 3, 5)?, &x)?.size(), [2, 5]);
/// assert_eq!(last_step(&Gru::new(&(vs.root() / "gru"), 3, 4)?, &x)?.size(), [2, 4]);
/// # Ok(()) }
/// ```
pub trait Recurrent: sealed::Sealed + fmt::Display {
    /// `Tensor` (h), or [`LstmState`](crate::LstmState) (h and c).
    type State;

    /// Runs the layer over a sequence.
    ///
    /// # Errors
    /// As the method of the same name of each layer.
    fn forward(&self, input: &Tensor, hx: Option<&Self::State>) -> Result<(Tensor, Self::State)>;

    /// Runs the layer over a packed batch.
    ///
    /// # Errors
    /// As the method of the same name of each layer.
    fn forward_packed(&self, input: &PackedSequence, hx: Option<&Self::State>)
    -> Result<(PackedSequence, Self::State)>;

    /// Runs the layer step by step and returns every gate of every step.
    ///
    /// # Errors
    /// As the method of the same name of each layer.
    fn trace(&self, input: &Tensor, hx: Option<&Self::State>) -> Result<Trace<Self::State>>;

    /// Chooses what computes `forward`.
    ///
    /// # Errors
    /// As the method of the same name of each layer.
    fn set_backend(&mut self, backend: Backend) -> Result<()>;

    /// What computes `forward`.
    fn backend(&self) -> Backend;

    /// Dropout on.
    fn train(&mut self);

    /// Dropout off.
    fn eval(&mut self);

    /// Whether dropout is on.
    fn is_training(&self) -> bool;

    /// Sets the dropout probability of the next forward passes.
    ///
    /// # Errors
    /// [`Error::Dropout`](crate::Error::Dropout) outside `[0, 1]`.
    fn set_dropout(&mut self, dropout: f64) -> Result<()>;

    /// Draws every parameter anew, in place.
    ///
    /// # Errors
    /// If libtorch refuses.
    fn reset_parameters(&mut self) -> Result<()>;

    /// Lays the weights out in one piece of memory for cuDNN; nothing happens on a CPU.
    ///
    /// # Errors
    /// If cuDNN refuses.
    fn flatten_parameters(&mut self) -> Result<()>;

    /// The parameters of each layer and direction.
    fn all_weights(&self) -> Vec<Vec<&Tensor>>;

    /// Name and tensor of each parameter, in torch's order.
    fn named_parameters(&self) -> impl Iterator<Item = (&str, &Tensor)>;

    /// The parameters by name, without gradient: `state_dict()`.
    fn state_dict(&self) -> StateDict;

    /// Copies saved parameters into this layer's.
    ///
    /// # Errors
    /// As [`StateDict::load_into`].
    fn load_state_dict(&mut self, state_dict: &StateDict, strict: bool) -> Result<IncompatibleKeys>;
}
