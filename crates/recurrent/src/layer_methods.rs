//! The macro `layer!`: the methods that `Rnn`, `Lstm`, `Gru` and `AnyRecurrent` share.

macro_rules! layer {
    ($(#[$doc:meta])* $Layer:ident with state $State:ty) => {
        $(#[$doc])*
        pub struct $Layer {
            pub(crate) base: $crate::layer_base::LayerBase,
        }

        impl $Layer {
            /// Runs the layer over a sequence. Returns the output of every step and the last state.
            ///
            /// The sizes are L steps, batch N, I = input_size, D directions, S = num_layers * D and H = hidden_size.
            /// R is the size of h: proj_size if there is a projection, else H.
            ///
            /// | input | output | h (and c, with H instead of R) |
            /// |---|---|---|
            /// | (L, N, I) | (L, N, D * R) | (S, N, R) |
            /// | (N, L, I) with `batch_first` | (N, L, D * R) | (S, N, R) |
            /// | (L, I), unbatched | (L, D * R) | (S, R) |
            ///
            /// `hx` is the state before the first step; `None` means zeros. Row `layer * D + direction` of a state
            /// belongs to that layer and direction. `batch_first` does not affect states.
            ///
            /// # Errors
            /// torch's checks in torch's order: [`InputRank`](crate::Error::InputRank),
            /// [`StateRank`](crate::Error::StateRank), [`KindMismatch`](crate::Error::KindMismatch),
            /// [`InputSize`](crate::Error::InputSize), [`StateSize`](crate::Error::StateSize). Everything else, such as
            /// a sequence without steps or tensors on different devices, is [`Torch`](crate::Error::Torch).
            pub fn forward(
                &self,
                input: &tch::Tensor,
                hx: Option<&$State>,
            ) -> $crate::error::Result<(tch::Tensor, $State)> {
                self.base.forward(input, hx)
            }

            /// Runs the layer over a packed batch. Returns the packed output and the last state of each sequence.
            ///
            /// Each sequence gives the same result as if it were run alone. Shapes are those of
            /// [`forward`](Self::forward) without L: `data` of (sum of the lengths, I) gives (sum of the lengths,
            /// D * R). States are (S, N, R), in the order in which the sequences were packed. `batch_first` does not
            /// apply.
            ///
            /// # Errors
            /// Those of [`PackedSequence::new`](crate::PackedSequence::new), then
            /// [`KindMismatch`](crate::Error::KindMismatch), [`PackedRank`](crate::Error::PackedRank),
            /// [`InputSize`](crate::Error::InputSize), [`StateSize`](crate::Error::StateSize). Everything else is
            /// [`Torch`](crate::Error::Torch). torch makes none of these checks for its LSTM, and for a sorted batch it
            /// accepts a state with a batch that is too large. Here both are checked.
            pub fn forward_packed(
                &self,
                input: &$crate::PackedSequence,
                hx: Option<&$State>,
            ) -> $crate::error::Result<($crate::PackedSequence, $State)> {
                self.base.forward_packed(input, hx)
            }

            /// Runs the layer step by step and returns every gate of every step. The arguments are those of
            /// [`forward`](Self::forward).
            ///
            /// Output and state equal `forward`'s up to rounding: in f32 the errors against float64 are of the same
            /// size. Half-precision dtypes round after every operation and differ by up to 2e-2. There is no dropout
            /// between layers, as in evaluation mode. Gradients flow back through every value. For a packed batch, trace
            /// its sequences one by one.
            pub fn trace(
                &self,
                input: &tch::Tensor,
                hx: Option<&$State>,
            ) -> $crate::error::Result<$crate::Trace<$State>> {
                self.base.trace(input, hx)
            }

            /// Starts a stream of `batch` sequences, which [`step`](Self::step) computes one time step at a time. `None`
            /// means a state of zeros.
            ///
            /// # Errors
            /// [`BidirectionalStep`](crate::Error::BidirectionalStep), [`NotPositive`](crate::Error::NotPositive) for a
            /// batch below 1, [`StateSize`](crate::Error::StateSize) for a state of another shape than (num_layers,
            /// batch, features).
            pub fn stream(
                &self,
                batch: i64,
                hx: Option<&$State>,
            ) -> $crate::error::Result<$crate::Stream<$State>> {
                self.base.stream(batch, hx)
            }

            /// Computes the time step `x_t`, (batch, input_size), and updates the state in `stream`. Returns the output,
            /// (batch, hidden_size), or (batch, proj_size) with a projection. The next step may overwrite it.
            ///
            /// A loop of steps gives the numbers of [`forward`](Self::forward) in evaluation mode, up to rounding. There
            /// are no gradients and no dropout. With the fused backend a step allocates nothing, after the first one.
            ///
            /// # Errors
            /// [`StepShape`](crate::Error::StepShape), [`KindMismatch`](crate::Error::KindMismatch),
            /// [`NotFused`](crate::Error::NotFused) for tensors that the fused backend does not support, and
            /// [`StreamMismatch`](crate::Error::StreamMismatch) for a stream of another layer or backend.
            pub fn step<'s>(
                &self,
                x_t: &tch::Tensor,
                stream: &'s mut $crate::Stream<$State>,
            ) -> $crate::error::Result<&'s tch::Tensor> {
                self.base.step(x_t, stream)
            }

            /// Selects what computes [`forward`](Self::forward) and [`forward_packed`](Self::forward_packed): libtorch's own operations
            /// ([`Exact`](crate::Backend::Exact), the default) or this workspace's kernels
            /// ([`Fused`](crate::Backend::Fused)). Parameters, shapes, checks and random numbers are the same.
            ///
            /// # Errors
            /// [`NotFused`](crate::Error::NotFused) for a layer that the kernels do not support: not in f32, or not on the
            /// CPU. The backend is then unchanged.
            pub fn set_backend(&mut self, backend: $crate::Backend) -> $crate::error::Result<()> {
                self.base.set_backend(backend)
            }

            /// What computes `forward`.
            pub fn backend(&self) -> $crate::Backend {
                self.base.backend()
            }

            /// The warnings that torch prints for this layer, and the reasons why [`Fused`](crate::Backend::Fused) is
            /// slow.
            ///
            /// torch warns about dropout in a single layer. The fused backend is slow if its kernels were compiled
            /// without optimization. This library prints nothing.
            pub fn warnings(&self) -> Vec<String> {
                self.base.warnings()
            }

            /// Training mode: dropout on. A new layer is in training mode.
            pub fn train(&mut self) {
                self.base.training = true;
            }

            /// Evaluation mode: dropout off.
            pub fn eval(&mut self) {
                self.base.training = false;
            }

            /// Whether the layer is in training mode.
            pub fn is_training(&self) -> bool {
                self.base.training
            }

            /// Sets the dropout probability of the next forward passes.
            ///
            /// # Errors
            /// [`Dropout`](crate::Error::Dropout) outside `[0, 1]`.
            pub fn set_dropout(&mut self, dropout: f64) -> $crate::error::Result<()> {
                self.base.set_dropout(dropout)
            }

            /// Name and tensor of each parameter, in torch's order: `weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0`, ..
            pub fn named_parameters(&self) -> impl Iterator<Item = (&str, &tch::Tensor)> {
                self.base.parameters.named()
            }

            /// The parameters of each layer and direction (torch's `all_weights`).
            pub fn all_weights(&self) -> Vec<Vec<&tch::Tensor>> {
                self.base.all_weights()
            }

            /// Draws new initial values for every parameter in place, as `build` does.
            pub fn reset_parameters(&mut self) -> $crate::error::Result<()> {
                self.base.parameters.reset()
            }

            /// Moves the weights into one contiguous block of memory for cuDNN. On a CPU it does nothing.
            ///
            /// `build`, `to` and `to_kind` do so too. Call it after replacing parameters in another way.
            pub fn flatten_parameters(&mut self) -> $crate::error::Result<()> {
                self.base.flatten_parameters()
            }

            /// The parameters by name, without gradient. They share memory with the layer's.
            pub fn state_dict(&self) -> $crate::StateDict {
                self.base.parameters.state_dict()
            }

            /// Copies saved parameters into this layer's, which keep their dtype and device.
            ///
            /// # Errors
            /// [`StateDict`](crate::Error::StateDict) if shapes do not fit or, with `strict`, if names are missing or
            /// unexpected. Nothing is copied then.
            pub fn load_state_dict(
                &mut self,
                state_dict: &$crate::StateDict,
                strict: bool,
            ) -> $crate::error::Result<$crate::IncompatibleKeys> {
                self.base.parameters.load(self.base.options.mode.name(), state_dict, strict)
            }

            /// Moves the parameters to `device`. The `VarStore` and the optimizers see the moved parameters.
            ///
            /// # Errors
            /// [`Torch`](crate::Error::Torch) if the device is not available. The parameters are then unchanged.
            pub fn to(&mut self, device: tch::Device) -> $crate::error::Result<()> {
                self.base.to(device)
            }

            /// Converts the parameters to another floating-point dtype.
            ///
            /// # Errors
            /// [`NotFloat`](crate::Error::NotFloat) for a dtype without gradients.
            pub fn to_kind(&mut self, kind: tch::Kind) -> $crate::error::Result<()> {
                self.base.to_kind(kind)
            }

            /// Number of features of x at each step.
            pub fn input_size(&self) -> i64 {
                self.base.options.input_size
            }

            /// Number of features of h at each step; with a projection, of c.
            pub fn hidden_size(&self) -> i64 {
                self.base.options.hidden_size
            }

            /// Number of stacked layers.
            pub fn num_layers(&self) -> i64 {
                self.base.options.num_layers
            }

            /// Whether the layer has biases.
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

            /// Whether a second direction reads the sequence backwards.
            pub fn bidirectional(&self) -> bool {
                self.base.options.bidirectional
            }
        }

        impl $crate::recurrent::sealed::HasBase for $Layer {
            fn base(&self) -> &$crate::layer_base::LayerBase {
                &self.base
            }

            fn base_mut(&mut self) -> &mut $crate::layer_base::LayerBase {
                &mut self.base
            }
        }

        impl $crate::Recurrent for $Layer {
            type State = $State;
        }

        impl std::fmt::Display for $Layer {
            /// torch's `repr`.
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.base.options.fmt(f)
            }
        }

        impl std::fmt::Debug for $Layer {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(self, f)
            }
        }
    };
}

pub(crate) use layer;
