//! The macro `cell!`: the methods that `RnnCell`, `LstmCell` and `GruCell` share.

macro_rules! cell {
    ($(#[$doc:meta])* $Cell:ident, $mode:expr, with state $State:ty) => {
        $(#[$doc])*
        pub struct $Cell {
            base: $crate::cell_base::CellBase,
        }

        impl $Cell {
            /// Builds a cell with biases. Initial values are drawn from U(-1/sqrt(hidden_size), 1/sqrt(hidden_size)), in
            /// torch's order.
            pub fn new<'a>(
                path: impl std::borrow::Borrow<tch::nn::Path<'a>>,
                input_size: i64,
                hidden_size: i64,
            ) -> $crate::error::Result<Self> {
                Self::with_bias(path, input_size, hidden_size, true)
            }

            /// Builds a cell with or without biases.
            ///
            /// # Errors
            /// [`NotFloat`](crate::Error::NotFloat), or
            /// [`DuplicateParameter`](crate::Error::DuplicateParameter) if `path` already has a cell. torch checks no
            /// argument of a cell: a negative size, or one that does not fit in memory, is libtorch's error
            /// ([`Torch`](crate::Error::Torch)). Zero is allowed.
            pub fn with_bias<'a>(
                path: impl std::borrow::Borrow<tch::nn::Path<'a>>,
                input_size: i64,
                hidden_size: i64,
                bias: bool,
            ) -> $crate::error::Result<Self> {
                let base = $crate::cell_base::CellBase::build($mode, path.borrow(), (input_size, hidden_size), bias)?;
                Ok($Cell { base })
            }

            /// Computes one step: input (N, input_size) and state (N, hidden_size) give the next state, of the same
            /// shape. Unbatched, all three are without N. `None` means a state of zeros.
            ///
            /// # Errors
            /// torch's checks in torch's order: [`CellInputRank`](crate::Error::CellInputRank),
            /// [`CellStateRank`](crate::Error::CellStateRank), [`CellInputSize`](crate::Error::CellInputSize),
            /// [`CellBatch`](crate::Error::CellBatch), [`CellHiddenSize`](crate::Error::CellHiddenSize). Everything else
            /// is [`Torch`](crate::Error::Torch). A batched input with an unbatched state, or the reverse, is
            /// [`CellMixedRanks`](crate::Error::CellMixedRanks); torch accepts some of these.
            pub fn forward(&self, input: &tch::Tensor, hx: Option<&$State>) -> $crate::error::Result<$State> {
                self.base.forward(input, hx)
            }

            /// Selects what computes [`forward`](Self::forward) and its gradients: libtorch's own operations
            /// ([`Exact`](crate::Backend::Exact), the default) or this workspace's kernels
            /// ([`Fused`](crate::Backend::Fused)).
            ///
            /// # Errors
            /// [`NotFused`](crate::Error::NotFused) for a cell that the kernels do not support: not in f32, not on the
            /// CPU, or with a size of zero. The backend is then unchanged.
            pub fn set_backend(&mut self, backend: $crate::Backend) -> $crate::error::Result<()> {
                self.base.set_backend(backend)
            }

            /// What computes `forward`.
            pub fn backend(&self) -> $crate::Backend {
                self.base.backend()
            }

            /// Name and tensor of each parameter, in torch's order: `weight_ih`, `weight_hh`, `bias_ih`, `bias_hh`.
            pub fn named_parameters(&self) -> impl Iterator<Item = (&str, &tch::Tensor)> {
                self.base.parameters.named()
            }

            /// Draws new initial values for every parameter in place.
            pub fn reset_parameters(&mut self) -> $crate::error::Result<()> {
                self.base.parameters.reset()
            }

            /// The parameters by name, without gradient. They share memory with the cell's.
            pub fn state_dict(&self) -> $crate::StateDict {
                self.base.parameters.state_dict()
            }

            /// Copies saved parameters into this cell's, which keep their dtype and device.
            ///
            /// # Errors
            /// [`StateDict`](crate::Error::StateDict) if shapes do not fit or, with `strict`, if names are missing or
            /// unexpected. Nothing is copied then.
            pub fn load_state_dict(
                &mut self,
                state_dict: &$crate::StateDict,
                strict: bool,
            ) -> $crate::error::Result<$crate::IncompatibleKeys> {
                self.base.parameters.load(self.base.name(), state_dict, strict)
            }

            /// Moves the parameters to `device`. The `VarStore` and the optimizers see the moved parameters.
            ///
            /// # Errors
            /// [`Torch`](crate::Error::Torch) if the device is not available. The parameters are then unchanged.
            pub fn to(&mut self, device: tch::Device) -> $crate::error::Result<()> {
                self.base.parameters.to(device)
            }

            /// Converts the parameters to another floating-point dtype.
            ///
            /// # Errors
            /// [`NotFloat`](crate::Error::NotFloat) for a dtype without gradients.
            pub fn to_kind(&mut self, kind: tch::Kind) -> $crate::error::Result<()> {
                self.base.parameters.to_kind(kind)
            }

            /// Number of features of x.
            pub fn input_size(&self) -> i64 {
                self.base.input_size
            }

            /// Number of features of h.
            pub fn hidden_size(&self) -> i64 {
                self.base.hidden_size
            }

            /// Whether the cell has biases.
            pub fn bias(&self) -> bool {
                self.base.bias
            }
        }

        impl std::fmt::Display for $Cell {
            /// torch's `repr`.
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.base.fmt(f)
            }
        }

        impl std::fmt::Debug for $Cell {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(self, f)
            }
        }
    };
}

pub(crate) use cell;
