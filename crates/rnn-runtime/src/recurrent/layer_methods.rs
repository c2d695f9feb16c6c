//! The methods that RNN, LSTM and GRU share.

/// Implements the methods. `$State` is the type of the state for a rank.
macro_rules! layer_methods {
    ($Layer:ident, $State:ident) => {
        impl $Layer {
            /// Runs the layer over whole sequences. Returns the output of each step and the last state.
            ///
            /// `x` is (steps, batch, input_size), or (batch, steps, input_size) with `batch_first`; for one sequence
            /// without a batch (steps, input_size). Any strides are accepted. `state` is the state before the first step;
            /// `None` is zeros.
            ///
            /// The output has the layout of `x`, with hidden_size features (proj_size with a projection) for each
            /// direction. Each array of a state is (layers * directions, batch, hidden_size), without `batch` for one
            /// sequence.
            ///
            /// # Errors
            /// - [`Error::InputSize`](crate::Error::InputSize), [`Error::StateSize`](crate::Error::StateSize) and
            ///   [`Error::NoSteps`](crate::Error::NoSteps) for shapes that do not fit.
            /// - [`Error::OutOfMemory`](crate::Error::OutOfMemory).
            pub fn forward<D: Rank>(
                &self,
                x: ArrayView<'_, f32, D>,
                state: Option<&$State<D>>,
            ) -> Result<(Array<f32, D>, $State<D>)> {
                self.0.forward(x, state)
            }

            /// Runs the layer over sequences of different lengths, in any order: `lengths[n]` is the number of steps of
            /// sequence `n`. Equivalent of `pack_padded_sequence(x, lengths, enforce_sorted=False)`, `forward` and
            /// `pad_packed_sequence`.
            ///
            /// The output has as many steps as the longest sequence. It is zero after the end of a sequence. The state
            /// of a sequence is that after its own last step.
            ///
            /// # Errors
            /// - As [`forward`](Self::forward).
            /// - [`Error::LengthsCount`](crate::Error::LengthsCount), [`Error::ZeroLength`](crate::Error::ZeroLength),
            ///   [`Error::LengthTooLong`](crate::Error::LengthTooLong) and
            ///   [`Error::NoSequences`](crate::Error::NoSequences) for lengths that do not fit.
            pub fn forward_lengths(
                &self,
                x: ArrayView3<'_, f32>,
                lengths: &[usize],
                state: Option<&$State<Ix3>>,
            ) -> Result<(Array3<f32>, $State<Ix3>)> {
                self.0.forward_lengths(x, lengths, state)
            }

            /// Runs one time step, for streams: changes `state`, and returns the output, the h of the last layer.
            ///
            /// `x` is (batch, input_size) for a state of a batch, (input_size) for the state of one sequence. The state is
            /// that of an earlier [`forward`](Self::forward), or [`zero_state`](Self::zero_state).
            ///
            /// The first call allocates buffers, and later calls with the same batch allocate nothing.
            ///
            /// # Errors
            /// - [`Error::BidirectionalStep`](crate::Error::BidirectionalStep) for a bidirectional layer.
            /// - [`Error::InputSize`](crate::Error::InputSize) and [`Error::StateSize`](crate::Error::StateSize) for
            ///   shapes that do not fit.
            /// - [`Error::OutOfMemory`](crate::Error::OutOfMemory).
            pub fn step<'s, D: Rank>(
                &self,
                x: ArrayView<'_, f32, D::Smaller>,
                state: &'s mut $State<D>,
            ) -> Result<ArrayView<'s, f32, D::Smaller>> {
                self.0.step(x, state)
            }

            /// The forward pass, step by step, with every gate of every step. It is slower than
            /// [`forward`](Self::forward), and rounds differently.
            ///
            /// # Errors
            /// As [`forward`](Self::forward).
            pub fn trace<D: Rank>(
                &self,
                x: ArrayView<'_, f32, D>,
                state: Option<&$State<D>>,
            ) -> Result<Trace<D, $State<D>>> {
                self.0.trace(x, state)
            }

            /// The state before the first step of a batch: zeros.
            ///
            /// # Errors
            /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
            pub fn zero_state(&self, batch: usize) -> Result<$State<Ix3>> {
                self.0.zero_state(batch)
            }

            /// The state before the first step of one sequence without a batch: zeros.
            ///
            /// # Errors
            /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
            pub fn zero_state_unbatched(&self) -> Result<$State<Ix2>> {
                self.0.zero_state(1)
            }

            /// Features of the input.
            pub fn input_size(&self) -> usize {
                self.0.config().input_size
            }

            /// Features of the hidden state, before a projection.
            pub fn hidden_size(&self) -> usize {
                self.0.config().hidden_size
            }

            /// Number of layers.
            pub fn num_layers(&self) -> usize {
                self.0.config().num_layers
            }

            /// Whether each layer also reads the sequence from its end to its start.
            pub fn bidirectional(&self) -> bool {
                self.0.config().bidirectional
            }

            /// Whether the layer has biases.
            pub fn bias(&self) -> bool {
                self.0.config().bias
            }

            /// Whether batched input and output are (batch, steps, features).
            pub fn batch_first(&self) -> bool {
                self.0.batch_first()
            }
        }

        /// As in torch.
        impl fmt::Display for $Layer {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.repr(f, $Layer::TORCH_NAME)
            }
        }

        impl fmt::Debug for $Layer {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

pub(super) use layer_methods;
