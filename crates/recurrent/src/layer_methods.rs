//! The three layers.

use std::borrow::Borrow;
use std::fmt;

use tch::nn::Path;
use tch::{Device, Kind, Tensor};

use crate::backend::Backend;
use crate::error::Result;
use crate::layer_base::Base;
use crate::options::{GruConfig, LstmConfig, Nonlinearity, Options, RnnConfig};
use crate::packed_sequence::PackedSequence;
use crate::recurrent::{Recurrent, sealed};
use crate::state::{LstmState, State, state_from};
use crate::trace::Trace;
use torch_ext::{IncompatibleKeys, StateDict};

macro_rules! layer {
    ($(#[$doc:meta])* $Layer:ident from $Config:ident with state $State:ty) => {
        $(#[$doc])*
        pub struct $Layer {
            base: Base,
        }

        impl $Layer {
            /// A layer with torch's defaults: one layer, one direction, biases, time first.
            ///
            /// # Errors
            #[doc = concat!("As [`", stringify!($Config), "::build`].")]
            pub fn new<'a>(path: impl Borrow<Path<'a>>, input_size: i64, hidden_size: i64) -> Result<Self> {
                $Config::new(input_size, hidden_size).build(path)
            }

            pub(crate) fn from_options(options: Options, path: &Path<'_>) -> Result<Self> {
                Ok($Layer { base: Base::build(options, path)? })
            }

            /// Runs the layer over a sequence and returns the output of every step and the last state.
            ///
            /// With L steps, batch N, I = input_size, D directions, S = num_layers * D, H = hidden_size, and R the
            /// size of h (H, or proj_size):
            ///
            /// | input | output | h (and c, with H for R) |
            /// |---|---|---|
            /// | (L, N, I) | (L, N, D * R) | (S, N, R) |
            /// | (N, L, I) with `batch_first` | (N, L, D * R) | (S, N, R) |
            /// | (L, I), unbatched | (L, D * R) | (S, R) |
            ///
            /// `hx` is the state before the first step; `None` means zeros. Row `layer * D + direction` of a state
            /// belongs to that layer and direction; `batch_first` does not apply to states.
            ///
            /// # Errors
            /// torch's checks in torch's order: [`InputRank`](crate::Error::InputRank),
            /// [`StateRank`](crate::Error::StateRank), [`KindMismatch`](crate::Error::KindMismatch),
            /// [`InputSize`](crate::Error::InputSize), [`StateSize`](crate::Error::StateSize); the rest, such as a
            /// sequence of no steps or tensors on different devices, as [`Torch`](crate::Error::Torch).
            pub fn forward(&self, input: &Tensor, hx: Option<&$State>) -> Result<(Tensor, $State)> {
                let (output, state) = self.base.forward(input, hx.map(State::tensors))?;
                Ok((output, state_from(state)?))
            }

            /// Runs the layer over a packed batch and returns the packed output and each sequence's own last state.
            ///
            /// Each sequence comes out as if it had been run alone. `batch_first` has no meaning here. Shapes are those
            /// of [`forward`](Self::forward), without L: `data` (sum of the lengths, I) gives (sum of the lengths,
            /// D * R). States are (S, N, R) in the order in which the sequences were packed.
            ///
            /// # Errors
            /// Those of [`PackedSequence::new`]; [`KindMismatch`](crate::Error::KindMismatch),
            /// [`PackedRank`](crate::Error::PackedRank), [`InputSize`](crate::Error::InputSize),
            /// [`StateSize`](crate::Error::StateSize); the rest as [`Torch`](crate::Error::Torch). torch leaves all of
            /// these checks out for its LSTM, and takes a state of too large a batch where the sequences were sorted;
            /// both are checked here.
            pub fn forward_packed(&self, input: &PackedSequence, hx: Option<&$State>) -> Result<(PackedSequence, $State)> {
                let (output, state) = self.base.forward_packed(input, hx.map(State::tensors))?;
                Ok((output, state_from(state)?))
            }

            /// Runs the layer step by step and returns every gate of every step: input, `hx`, output and state as in
            /// [`forward`](Self::forward).
            ///
            /// Output and state equal `forward`'s up to rounding: against float64, their error in f32 is of the size of
            /// `forward`'s. The half-precision kinds round after every operation: 2e-2. There is no dropout between layers, as after [`eval`](Self::eval). Gradients
            /// flow back through every value. For a packed batch, trace its sequences one by one.
            ///
            /// # Errors
            /// As [`forward`](Self::forward).
            pub fn trace(&self, input: &Tensor, hx: Option<&$State>) -> Result<Trace<$State>> {
                self.base.trace(input, hx.map(State::tensors), state_from)
            }

            /// Chooses what computes [`forward`](Self::forward): libtorch's own operations ([`Backend::Exact`], as after
            /// construction) or this workspace's kernels ([`Backend::Fused`]). Parameters, shapes, checks and random
            /// numbers are the same.
            ///
            /// # Errors
            /// [`Error::NotFused`](crate::Error::NotFused) for a layer that the kernels do not compute: with projections,
            /// not of f32, or not on the CPU. The backend then stays what it was.
            pub fn set_backend(&mut self, backend: Backend) -> Result<()> {
                self.base.set_backend(backend)
            }

            /// What computes `forward`.
            pub fn backend(&self) -> Backend {
                self.base.backend()
            }

            /// What torch would warn about, and what makes [`Backend::Fused`] slower than it could be: dropout in a layer that
            /// is alone, kernels compiled without optimisation, and packed batches, which are computed by
            /// [`Backend::Exact`]'s operations (listed after the first one). The library prints nothing.
            pub fn warnings(&self) -> Vec<String> {
                self.base.warnings()
            }

            /// Dropout on, as after construction.
            pub fn train(&mut self) {
                self.base.training = true;
            }

            /// Dropout off.
            pub fn eval(&mut self) {
                self.base.training = false;
            }

            /// Whether dropout is on.
            pub fn is_training(&self) -> bool {
                self.base.training
            }

            /// Sets the dropout probability of the next forward passes.
            ///
            /// # Errors
            /// [`Error::Dropout`](crate::Error::Dropout) outside `[0, 1]`.
            pub fn set_dropout(&mut self, dropout: f64) -> Result<()> {
                self.base.set_dropout(dropout)
            }

            /// Name and tensor of each parameter, in torch's order: `weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0`, ..
            pub fn named_parameters(&self) -> impl Iterator<Item = (&str, &Tensor)> {
                self.base.parameters.named()
            }

            /// The parameters of each layer and direction (torch's `all_weights`).
            pub fn all_weights(&self) -> Vec<Vec<&Tensor>> {
                self.base.all_weights()
            }

            /// Draws every parameter anew, as `build` does; in place.
            ///
            /// # Errors
            /// If libtorch refuses.
            pub fn reset_parameters(&mut self) -> Result<()> {
                self.base.parameters.reset()
            }

            /// Lays the weights out in one piece of memory for cuDNN; nothing happens on a CPU.
            ///
            /// `build`, `to` and `to_kind` have done it; call it after parameters were replaced in another way.
            ///
            /// # Errors
            /// If cuDNN refuses.
            pub fn flatten_parameters(&mut self) -> Result<()> {
                self.base.flatten_parameters()
            }

            /// The parameters by name, sharing memory with the layer's and without gradient.
            pub fn state_dict(&self) -> StateDict {
                self.base.parameters.state_dict()
            }

            /// Copies saved parameters into this layer's, which keep their kind and device.
            ///
            /// # Errors
            /// As [`StateDict::load_into`].
            pub fn load_state_dict(&mut self, state_dict: &StateDict, strict: bool) -> Result<IncompatibleKeys> {
                self.base.parameters.load(self.base.options.mode.name(), state_dict, strict)
            }

            /// Moves the parameters to `device`, for the `VarStore` that holds them too.
            ///
            /// # Errors
            /// If the device is not there; the parameters have then stayed where they were.
            pub fn to(&mut self, device: Device) -> Result<()> {
                self.base.to(device)
            }

            /// Converts the parameters to another floating-point kind.
            ///
            /// # Errors
            /// [`Error::NotFloat`](crate::Error::NotFloat) for a kind that has no gradient.
            pub fn to_kind(&mut self, kind: Kind) -> Result<()> {
                self.base.to_kind(kind)
            }

            /// Features of x at each step.
            pub fn input_size(&self) -> i64 {
                self.base.options.input_size
            }

            /// Features of h at each step (of c, where there is a projection).
            pub fn hidden_size(&self) -> i64 {
                self.base.options.hidden_size
            }

            /// Layers stacked one upon the other.
            pub fn num_layers(&self) -> i64 {
                self.base.options.num_layers
            }

            /// Whether there are biases.
            pub fn bias(&self) -> bool {
                self.base.options.bias
            }

            /// Whether input and output are (batch, time, feature).
            pub fn batch_first(&self) -> bool {
                self.base.options.batch_first
            }

            /// The dropout probability between layers.
            pub fn dropout(&self) -> f64 {
                self.base.options.dropout
            }

            /// Whether the sequence is read from its end as well.
            pub fn bidirectional(&self) -> bool {
                self.base.options.bidirectional
            }
        }

        impl sealed::Sealed for $Layer {}

        impl Recurrent for $Layer {
            type State = $State;

            fn forward(&self, input: &Tensor, hx: Option<&$State>) -> Result<(Tensor, $State)> {
                self.forward(input, hx)
            }

            fn forward_packed(&self, input: &PackedSequence, hx: Option<&$State>) -> Result<(PackedSequence, $State)> {
                self.forward_packed(input, hx)
            }

            fn trace(&self, input: &Tensor, hx: Option<&$State>) -> Result<Trace<$State>> {
                self.trace(input, hx)
            }

            fn set_backend(&mut self, backend: Backend) -> Result<()> {
                self.set_backend(backend)
            }

            fn backend(&self) -> Backend {
                self.backend()
            }

            fn train(&mut self) {
                self.train();
            }

            fn eval(&mut self) {
                self.eval();
            }

            fn is_training(&self) -> bool {
                self.is_training()
            }

            fn set_dropout(&mut self, dropout: f64) -> Result<()> {
                self.set_dropout(dropout)
            }

            fn reset_parameters(&mut self) -> Result<()> {
                self.reset_parameters()
            }

            fn flatten_parameters(&mut self) -> Result<()> {
                self.flatten_parameters()
            }

            fn all_weights(&self) -> Vec<Vec<&Tensor>> {
                self.all_weights()
            }

            fn named_parameters(&self) -> impl Iterator<Item = (&str, &Tensor)> {
                self.named_parameters()
            }

            fn state_dict(&self) -> StateDict {
                self.state_dict()
            }

            fn load_state_dict(&mut self, state_dict: &StateDict, strict: bool) -> Result<IncompatibleKeys> {
                self.load_state_dict(state_dict, strict)
            }
        }

        impl fmt::Display for $Layer {
            /// torch's `repr`.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.base.options.fmt(f)
            }
        }

        impl fmt::Debug for $Layer {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.base.options.fmt(f)
            }
        }
    };
}

layer! {
    /// Elman RNN, `torch.nn.RNN`: at each step, in each layer,
    ///
    /// ```text
    /// h_t = tanh(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh)        or relu(..)
    /// ```
    ///
    /// ```
    /// use recurrent::Rnn;
    /// # fn main() -> Result<(), recurrent::Error> {
    /// let vs = tch::nn::VarStore::new(tch::Device::Cpu);
    /// let rnn = Rnn::new(&vs.root(), 9, 5)?;
    /// let sentences = tch::Tensor::zeros([2, 6, 9], tch::kind::FLOAT_CPU); // 2 words, 6 sentences, 9 words known
    /// let (output, h) = rnn.forward(&sentences, None)?;
    /// assert_eq!((output.size(), h.size()), (vec![2, 6, 5], vec![1, 6, 5]));
    /// # Ok(()) }
    /// ```
    #[doc(alias = "torch.nn.RNN")]
    #[doc(alias = "RNN")]
    Rnn from RnnConfig with state Tensor
}

impl Rnn {
    /// The nonlinearity.
    pub fn nonlinearity(&self) -> Nonlinearity {
        self.base.options.mode.nonlinearity()
    }
}

layer! {
    /// Long short-term memory, `torch.nn.LSTM` (Hochreiter and Schmidhuber, 1997; projections: Sak et al., 2014):
    ///
    /// ```text
    /// i_t = sigmoid(W_ii x_t + b_ii + W_hi h_(t-1) + b_hi)      input gate
    /// f_t = sigmoid(W_if x_t + b_if + W_hf h_(t-1) + b_hf)      forget gate
    /// g_t =    tanh(W_ig x_t + b_ig + W_hg h_(t-1) + b_hg)      candidate
    /// o_t = sigmoid(W_io x_t + b_io + W_ho h_(t-1) + b_ho)      output gate
    /// c_t = f_t * c_(t-1) + i_t * g_t
    /// h_t = o_t * tanh(c_t)                                     with a projection: h_t = W_hr (o_t * tanh(c_t))
    /// ```
    ///
    /// `weight_ih` stacks W_ii, W_if, W_ig, W_io, and `weight_hh` likewise.
    ///
    /// ```
    /// use recurrent::{Lstm, LstmState};
    /// # fn main() -> Result<(), recurrent::Error> {
    /// let vs = tch::nn::VarStore::new(tch::Device::Cpu);
    /// let lstm = Lstm::new(&vs.root(), 5, 10)?;
    /// let week = tch::Tensor::zeros([7, 5], tch::kind::FLOAT_CPU); // unbatched: 7 days of 5 numbers
    /// let (output, LstmState { h, c }) = lstm.forward(&week, None)?;
    /// assert_eq!((output.size(), h.size(), c.size()), (vec![7, 10], vec![1, 10], vec![1, 10]));
    /// # Ok(()) }
    /// ```
    #[doc(alias = "torch.nn.LSTM")]
    #[doc(alias = "LSTM")]
    Lstm from LstmConfig with state LstmState
}

impl Lstm {
    /// The size to which h is projected; 0 without a projection.
    pub fn proj_size(&self) -> i64 {
        self.base.options.proj_size
    }
}

layer! {
    /// Gated recurrent unit, `torch.nn.GRU` (Cho et al., 2014):
    ///
    /// ```text
    /// r_t = sigmoid(W_ir x_t + b_ir + W_hr h_(t-1) + b_hr)          reset gate
    /// z_t = sigmoid(W_iz x_t + b_iz + W_hz h_(t-1) + b_hz)          update gate
    /// n_t =    tanh(W_in x_t + b_in + r_t * (W_hn h_(t-1) + b_hn))  candidate
    /// h_t = (1 - z_t) * n_t + z_t * h_(t-1)
    /// ```
    ///
    /// `weight_ih` stacks W_ir, W_iz, W_in, and `weight_hh` likewise. Lectures often write the update gate the other
    /// way round: their u is 1 - z.
    ///
    /// ```
    /// use recurrent::GruConfig;
    /// # fn main() -> Result<(), recurrent::Error> {
    /// let vs = tch::nn::VarStore::new(tch::Device::Cpu);
    /// let gru = GruConfig::new(28, 128).num_layers(2).batch_first(true).build(&vs.root())?;
    /// let digits = tch::Tensor::zeros([100, 28, 28], tch::kind::FLOAT_CPU); // 100 images, row by row
    /// let (output, h) = gru.forward(&digits, None)?;
    /// assert_eq!((output.size(), h.size()), (vec![100, 28, 128], vec![2, 100, 128]));
    /// # Ok(()) }
    /// ```
    #[doc(alias = "torch.nn.GRU")]
    #[doc(alias = "GRU")]
    Gru from GruConfig with state Tensor
}
