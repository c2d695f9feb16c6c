//! The three cells: one step of one layer, for loops of one's own.

use std::borrow::Borrow;
use std::fmt;

use tch::nn::Path;
use tch::{Device, Kind, Tensor};

use crate::cell_base::CellBase;
use crate::error::Result;
use crate::options::{Mode, Nonlinearity};
use crate::state::{LstmState, State, state_from};
use torch_ext::{IncompatibleKeys, StateDict};

macro_rules! cell {
    ($(#[$doc:meta])* $Cell:ident, $mode:expr, with state $State:ty) => {
        $(#[$doc])*
        pub struct $Cell {
            base: CellBase,
        }

        impl $Cell {
            /// A cell with biases, drawn from U(-1/sqrt(hidden_size), 1/sqrt(hidden_size)) in torch's order.
            ///
            /// # Errors
            /// As [`with_bias`](Self::with_bias).
            pub fn new<'a>(path: impl Borrow<Path<'a>>, input_size: i64, hidden_size: i64) -> Result<Self> {
                Self::with_bias(path, input_size, hidden_size, true)
            }

            /// A cell with or without biases.
            ///
            /// # Errors
            /// torch checks no argument of a cell. libtorch refuses a negative size or one that does not fit in memory
            /// ([`Error::Torch`](crate::Error::Torch)); zero is a size. Further
            /// [`Error::NotFloat`](crate::Error::NotFloat), and
            /// [`Error::DuplicateParameter`](crate::Error::DuplicateParameter) if `path` has a cell already.
            pub fn with_bias<'a>(
                path: impl Borrow<Path<'a>>,
                input_size: i64,
                hidden_size: i64,
                bias: bool,
            ) -> Result<Self> {
                Ok($Cell { base: CellBase::build($mode, path.borrow(), (input_size, hidden_size), bias)? })
            }

            /// One step: from input (N, input_size) and state (N, hidden_size) to the next state of the same shape, or
            /// all three without the N. `None` means zeros.
            ///
            /// # Errors
            /// torch's checks in torch's order: [`Error::CellInputRank`](crate::Error::CellInputRank),
            /// [`CellStateRank`](crate::Error::CellStateRank), [`CellInputSize`](crate::Error::CellInputSize),
            /// [`CellBatch`](crate::Error::CellBatch), [`CellHiddenSize`](crate::Error::CellHiddenSize); the rest as
            /// [`Error::Torch`](crate::Error::Torch). An input with and a state without the N, which torch may take for
            /// something else, are [`CellMixedRanks`](crate::Error::CellMixedRanks).
            pub fn forward(&self, input: &Tensor, hx: Option<&$State>) -> Result<$State> {
                state_from(self.base.forward(input, hx.map(State::tensors))?)
            }

            /// Name and tensor of each parameter, in torch's order: `weight_ih`, `weight_hh`, `bias_ih`, `bias_hh`.
            pub fn named_parameters(&self) -> impl Iterator<Item = (&str, &Tensor)> {
                self.base.parameters.named()
            }

            /// Draws every parameter anew, in place.
            ///
            /// # Errors
            /// If libtorch refuses.
            pub fn reset_parameters(&mut self) -> Result<()> {
                self.base.parameters.reset()
            }

            /// The parameters by name, sharing memory with the cell's and without gradient.
            pub fn state_dict(&self) -> StateDict {
                self.base.parameters.state_dict()
            }

            /// Copies saved parameters into this cell's, which keep their kind and device.
            ///
            /// # Errors
            /// As [`StateDict::load_into`].
            pub fn load_state_dict(&mut self, state_dict: &StateDict, strict: bool) -> Result<IncompatibleKeys> {
                self.base.parameters.load(self.base.name(), state_dict, strict)
            }

            /// Moves the parameters to `device`, for the `VarStore` that holds them too.
            ///
            /// # Errors
            /// If the device is not there; the parameters have then stayed where they were.
            pub fn to(&mut self, device: Device) -> Result<()> {
                self.base.parameters.to(device)
            }

            /// Converts the parameters to another floating-point kind.
            ///
            /// # Errors
            /// [`Error::NotFloat`](crate::Error::NotFloat) for a kind that has no gradient.
            pub fn to_kind(&mut self, kind: Kind) -> Result<()> {
                self.base.parameters.to_kind(kind)
            }

            /// Features of x.
            pub fn input_size(&self) -> i64 {
                self.base.input_size
            }

            /// Features of h.
            pub fn hidden_size(&self) -> i64 {
                self.base.hidden_size
            }

            /// Whether there are biases.
            pub fn bias(&self) -> bool {
                self.base.bias
            }
        }

        impl fmt::Display for $Cell {
            /// torch's `repr`.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.base.fmt(f)
            }
        }

        impl fmt::Debug for $Cell {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.base, f)
            }
        }
    };
}

cell! {
    /// One step of an [`Rnn`](crate::Rnn), `torch.nn.RNNCell`:
    ///
    /// ```text
    /// h' = tanh(W_ih x + b_ih + W_hh h + b_hh)        or relu(..)
    /// ```
    ///
    /// ```
    /// use recurrent::RnnCell;
    /// use tch::{Device, Kind, Tensor, nn::VarStore};
    /// # fn main() -> Result<(), recurrent::Error> {
    /// let vs = VarStore::new(Device::Cpu);
    /// let cell = RnnCell::new(&vs.root(), 10, 20)?;
    /// let input = Tensor::randn([6, 3, 10], (Kind::Float, Device::Cpu)); // 6 steps, batch of 3
    /// let mut h = None;
    /// for x in input.f_unbind(0)? {
    ///     h = Some(cell.forward(&x, h.as_ref())?);
    /// }
    /// assert_eq!(h.map(|h| h.size()), Some(vec![3, 20]));
    /// # Ok(()) }
    /// ```
    #[doc(alias = "torch.nn.RNNCell")]
    #[doc(alias = "RNNCell")]
    RnnCell, Mode::Rnn(Nonlinearity::Tanh), with state Tensor
}

impl RnnCell {
    /// A cell with all of torch's arguments: biases or not, tanh or relu.
    ///
    /// ```
    /// use recurrent::{Nonlinearity, RnnCell};
    /// # fn main() -> Result<(), recurrent::Error> {
    /// let vs = tch::nn::VarStore::new(tch::Device::Cpu);
    /// let cell = RnnCell::with_nonlinearity(&vs.root(), 3, 5, false, Nonlinearity::Relu)?;
    /// assert_eq!(cell.to_string(), "RNNCell(3, 5, bias=False, nonlinearity=relu)");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`with_bias`](Self::with_bias).
    pub fn with_nonlinearity<'a>(
        path: impl Borrow<Path<'a>>,
        input_size: i64,
        hidden_size: i64,
        bias: bool,
        nonlinearity: Nonlinearity,
    ) -> Result<RnnCell> {
        let mode = Mode::Rnn(nonlinearity);
        Ok(RnnCell { base: CellBase::build(mode, path.borrow(), (input_size, hidden_size), bias)? })
    }

    /// The nonlinearity.
    pub fn nonlinearity(&self) -> Nonlinearity {
        self.base.mode.nonlinearity()
    }
}

cell! {
    /// One step of an [`Lstm`](crate::Lstm), `torch.nn.LSTMCell`. The equations are the layer's; there is no projection.
    ///
    /// ```
    /// use recurrent::{LstmCell, LstmState};
    /// # fn main() -> Result<(), recurrent::Error> {
    /// let vs = tch::nn::VarStore::new(tch::Device::Cpu);
    /// let cell = LstmCell::new(&vs.root(), 10, 20)?;
    /// let day = tch::Tensor::zeros([10], tch::kind::FLOAT_CPU); // unbatched
    /// let LstmState { h, c } = cell.forward(&day, None)?;
    /// assert_eq!((h.size(), c.size()), (vec![20], vec![20]));
    /// # Ok(()) }
    /// ```
    #[doc(alias = "torch.nn.LSTMCell")]
    #[doc(alias = "LSTMCell")]
    LstmCell, Mode::Lstm, with state LstmState
}

cell! {
    /// One step of a [`Gru`](crate::Gru), `torch.nn.GRUCell`. The equations are the layer's.
    ///
    /// ```
    /// use recurrent::GruCell;
    /// # fn main() -> Result<(), recurrent::Error> {
    /// let vs = tch::nn::VarStore::new(tch::Device::Cpu);
    /// let cell = GruCell::with_bias(&vs.root(), 28, 128, false)?;
    /// let rows = tch::Tensor::zeros([100, 28], tch::kind::FLOAT_CPU); // one row of each of 100 images
    /// assert_eq!(cell.forward(&rows, None)?.size(), [100, 128]);
    /// # Ok(()) }
    /// ```
    #[doc(alias = "torch.nn.GRUCell")]
    #[doc(alias = "GRUCell")]
    GruCell, Mode::Gru, with state Tensor
}
