//! The trait that the layers share.

use std::fmt;

use tch::Tensor;
use torch_ext::{IncompatibleKeys, StateDict};

use crate::backend::Backend;
use crate::error::Result;
use crate::packed_sequence::PackedSequence;
use crate::state::State;
use crate::stream::Stream;
use crate::trace::Trace;

pub(crate) mod sealed {
    use crate::layer_base::LayerBase;

    pub trait HasBase {
        fn base(&self) -> &LayerBase;
        fn base_mut(&mut self) -> &mut LayerBase;
    }
}

/// The methods that [`Rnn`](crate::Rnn), [`Lstm`](crate::Lstm), [`Gru`](crate::Gru) and
/// [`AnyRecurrent`](crate::AnyRecurrent) share, for generic code. Sealed.
///
/// Each method is the layer's own method of the same name.
///
/// Use it for code that works with a layer of any *type*. Truncated back-propagation through time, for example:
///
/// ```
/// use recurrent::{Gru, Lstm, Recurrent, State};
/// use tch::{Tensor, nn::VarStore};
///
/// /// The last output of a long sequence. Each chunk starts from the detached state of the chunk before.
/// fn last_output<L: Recurrent>(layer: &L, chunks: &[Tensor]) -> recurrent::Result<Option<Tensor>> {
///     let (mut last, mut state) = (None, None);
///     for chunk in chunks {
///         let (output, next) = layer.forward(chunk, state.as_ref())?;
///         state = Some(next.detach());
///         last = Some(output.f_get(-1)?);
///     }
///     Ok(last)
/// }
///
/// # fn main() -> recurrent::Result<()> {
/// let vs = VarStore::new(tch::Device::Cpu);
/// let x = Tensor::zeros([8, 2, 3], tch::kind::FLOAT_CPU).f_chunk(4, 0)?; // 4 chunks of 2 steps
/// assert_eq!(last_output(&Lstm::new(&(vs.root() / "a"), 3, 5)?, &x)?.map(|y| y.size()), Some(vec![2, 5]));
/// assert_eq!(last_output(&Gru::new(&(vs.root() / "b"), 3, 4)?, &x)?.map(|y| y.size()), Some(vec![2, 4]));
/// # Ok(()) }
/// ```
///
/// A program that chooses the kind of layer at *run time* uses [`AnyRecurrent`](crate::AnyRecurrent).
pub trait Recurrent: sealed::HasBase + fmt::Display + fmt::Debug {
    /// `Tensor` (h), [`LstmState`](crate::LstmState) (h and c) or [`AnyState`](crate::AnyState).
    type State: State;

    /// Runs the layer over a sequence. Returns the output of every step and the last state.
    fn forward(&self, input: &Tensor, hx: Option<&Self::State>) -> Result<(Tensor, Self::State)> {
        self.base().forward(input, hx)
    }

    /// Runs the layer over a packed batch. Returns the packed output and the last state of each sequence.
    fn forward_packed(
        &self,
        input: &PackedSequence,
        hx: Option<&Self::State>,
    ) -> Result<(PackedSequence, Self::State)> {
        self.base().forward_packed(input, hx)
    }

    /// Runs the layer step by step and returns every gate of every step.
    fn trace(&self, input: &Tensor, hx: Option<&Self::State>) -> Result<Trace<Self::State>> {
        self.base().trace(input, hx)
    }

    /// Starts a stream of `batch` sequences.
    fn stream(&self, batch: i64, hx: Option<&Self::State>) -> Result<Stream<Self::State>> {
        self.base().stream(batch, hx)
    }

    /// Computes one time step of a stream, (batch, input_size). Returns the output.
    fn step<'s>(&self, x_t: &Tensor, stream: &'s mut Stream<Self::State>) -> Result<&'s Tensor> {
        self.base().step(x_t, stream)
    }

    /// Selects what computes `forward`.
    fn set_backend(&mut self, backend: Backend) -> Result<()> {
        self.base_mut().set_backend(backend)
    }

    /// What computes `forward`.
    fn backend(&self) -> Backend {
        self.base().backend()
    }

    /// The warnings that torch prints for this layer, and the reasons why the fused backend is slow.
    fn warnings(&self) -> Vec<String> {
        self.base().warnings()
    }

    /// Training mode: dropout on.
    fn train(&mut self) {
        self.base_mut().training = true;
    }

    /// Evaluation mode: dropout off.
    fn eval(&mut self) {
        self.base_mut().training = false;
    }

    /// Whether the layer is in training mode.
    fn is_training(&self) -> bool {
        self.base().training
    }

    /// Sets the dropout probability of the next forward passes.
    fn set_dropout(&mut self, dropout: f64) -> Result<()> {
        self.base_mut().set_dropout(dropout)
    }

    /// Draws new initial values for every parameter in place.
    fn reset_parameters(&mut self) -> Result<()> {
        self.base().parameters.reset()
    }

    /// Moves the weights into one contiguous block of memory for cuDNN. On a CPU it does nothing.
    fn flatten_parameters(&mut self) -> Result<()> {
        self.base().flatten_parameters()
    }

    /// The parameters of each layer and direction.
    fn all_weights(&self) -> Vec<Vec<&Tensor>> {
        self.base().all_weights()
    }

    /// Name and tensor of each parameter, in torch's order.
    fn named_parameters(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.base().parameters.named()
    }

    /// The parameters by name, without gradient.
    fn state_dict(&self) -> StateDict {
        self.base().parameters.state_dict()
    }

    /// Copies saved parameters into this layer's.
    fn load_state_dict(&mut self, state_dict: &StateDict, strict: bool) -> Result<IncompatibleKeys> {
        let base = self.base();
        base.parameters.load(base.options.mode.name(), state_dict, strict)
    }
}
