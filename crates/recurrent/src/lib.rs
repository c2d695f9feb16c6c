//! PyTorch's recurrent layers in Rust, on the same libtorch.
//!
//! [`Rnn`], [`Lstm`] and [`Gru`] are `torch.nn.RNN`, `LSTM` and `GRU`: every parameter, the parameter names and shapes,
//! the initialisation, the checks and their sentences, and the results, which are the same bits on the same CPU.
//!
//! | torch | here |
//! |---|---|
//! | `torch.nn.RNN`, `LSTM`, `GRU` | [`Rnn`], [`Lstm`], [`Gru`], made by [`RnnConfig`], [`LstmConfig`], [`GruConfig`] |
//! | `torch.nn.RNNCell`, `LSTMCell`, `GRUCell` | [`RnnCell`], [`LstmCell`], [`GruCell`] |
//! | `torch.nn.utils.rnn.PackedSequence` | [`PackedSequence`], for `forward_packed` of each layer |
//! | `torch.nn.utils.rnn.pack_padded_sequence`, `pad_packed_sequence` | [`pack_padded_sequence`], [`pad_packed_sequence`] |
//! | `pack_sequence`, `unpack_sequence`, `pad_sequence`, `unpad_sequence` | [`pack_sequence`], [`unpack_sequence`], [`pad_sequence`], [`unpad_sequence`] |
//! | `invert_permutation` | [`invert_permutation`] |
//! | `module.state_dict()`, `load_state_dict(..)` | [`StateDict`], and the methods of the same names |
//! | (nothing) | [`Trace`]: every gate at every step, from `trace` of each layer |
//!
//! A layer has its parameters in a `VarStore`, under torch's names; code that is generic over the three uses
//! [`Recurrent`].
//!
//! ```
//! use recurrent::LstmConfig;
//! use tch::{Device, Kind, Tensor, nn::VarStore};
//!
//! # fn main() -> Result<(), recurrent::Error> {
//! tch::manual_seed(0);
//! let vs = VarStore::new(Device::Cpu);
//! let mut lstm = LstmConfig::new(10, 20).num_layers(2).bidirectional(true).build(&vs.root())?;
//!
//! let x = Tensor::randn([5, 3, 10], (Kind::Float, Device::Cpu)); // 5 steps, batch of 3
//! let (output, state) = lstm.forward(&x, None)?;
//! assert_eq!(output.size(), [5, 3, 40]);
//! assert_eq!(state.h.size(), [4, 3, 20]);
//!
//! lstm.eval();
//! let (_, _) = lstm.forward(&x, Some(&state))?; // goes on from where the first call stopped
//! # Ok(()) }
//! ```
//!
//! Mistakes come back as [`Error`], never as a panic, and say what Python says:
//!
//! ```
//! # use recurrent::{LstmConfig, PythonKind};
//! # let vs = tch::nn::VarStore::new(tch::Device::Cpu);
//! let error = LstmConfig::new(10, 0).build(&vs.root()).unwrap_err();
//! assert_eq!(error.to_string(), "hidden_size must be greater than zero");
//! assert_eq!(error.python_kind(), PythonKind::ValueError);
//! ```
//!
//! The library sets no seed and no thread count, prints nothing, and keeps no copy of its parameters: they live in the
//! `VarStore`, and layer, store and optimizer see the same ones.
#![forbid(unsafe_code)]

mod backend;
mod cell_base;
mod cell_methods;
mod error;
mod forward;
mod fused;
mod layer_base;
mod layer_methods;
mod options;
mod packed_sequence;
mod packing;
mod padding;
mod parameters;
mod recurrent;
mod state;
mod tensor;
mod trace;

pub use backend::Backend;
pub use cell_methods::{GruCell, LstmCell, RnnCell};
pub use error::{Error, PythonKind, Result};
pub use layer_methods::{Gru, Lstm, Rnn};
pub use options::{GruConfig, LstmConfig, Nonlinearity, RnnConfig};
pub use packed_sequence::PackedSequence;
pub use packing::{invert_permutation, pack_padded_sequence, pack_sequence, pad_packed_sequence, unpack_sequence};
pub use padding::{Lengths, PaddingSide, pad_sequence, unpad_sequence};
pub use recurrent::Recurrent;
pub use state::LstmState;
pub use tch;
pub use torch_ext::{IncompatibleKeys, StateDict};
pub use trace::Trace;
