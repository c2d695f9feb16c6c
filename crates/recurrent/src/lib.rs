//! PyTorch's recurrent layers in Rust, on the same libtorch.
//!
//! [`Rnn`], [`Lstm`] and [`Gru`] are `torch.nn.RNN`, `LSTM` and `GRU`: the same parameters under the same names, the same
//! initialization, the same checks and error messages. On the same CPU the results have the same bits.
//!
//! | torch | here |
//! |---|---|
//! | `torch.nn.RNN`, `LSTM`, `GRU` | [`Rnn`], [`Lstm`], [`Gru`], built by [`RnnConfig`], [`LstmConfig`], [`GruConfig`] |
//! | `torch.nn.RNNCell`, `LSTMCell`, `GRUCell` | [`RnnCell`], [`LstmCell`], [`GruCell`] |
//! | `torch.nn.utils.rnn.PackedSequence` | [`PackedSequence`], for `forward_packed` of each layer |
//! | `pack_padded_sequence`, `pad_packed_sequence` | [`pack_padded_sequence`], [`pad_packed_sequence`] |
//! | `pack_sequence`, `unpack_sequence`, `pad_sequence`, `unpad_sequence` | [`pack_sequence`], [`unpack_sequence`], [`pad_sequence`], [`unpad_sequence`] |
//! | `invert_permutation` | [`invert_permutation`] |
//! | `module.state_dict()`, `load_state_dict(..)` | [`StateDict`], and the methods of the same names |
//! | (no equivalent) | [`Trace`]: every gate at every step, from `trace` of each layer |
//! | (no equivalent) | [`Stream`]: one time step for each call, from `stream` and `step` of each layer |
//! | (no equivalent) | [`AnyRecurrent`]: a layer whose kind is chosen at run time; [`Recurrent`]: a trait for generic code |
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
//! let (_, _) = lstm.forward(&x, Some(&state))?; // continues from the last state of the first call
//! # Ok(()) }
//! ```
//!
//! A mistake is an [`Error`] with Python's message, never a panic:
//!
//! ```
//! # use recurrent::{LstmConfig, PythonKind};
//! # let vs = tch::nn::VarStore::new(tch::Device::Cpu);
//! let error = LstmConfig::new(10, 0).build(&vs.root()).unwrap_err();
//! assert_eq!(error.to_string(), "hidden_size must be greater than zero");
//! assert_eq!(error.python_kind(), PythonKind::ValueError);
//! ```
//!
//! The parameters live in the `VarStore`; layer, store and optimizer share them. The library has no global side effects:
//! it sets no seed and no thread count, and prints nothing.
//!
//! # One dependency
//! A program needs `recurrent`, and `libtorch-build` as a build-dependency. [`recurrent::tch`](tch) and [`recurrent::torch_ext`](torch_ext) are
//! the crates whose types appear here.
//!
//! ```
//! use recurrent::torch_ext::{autograd::backward, nn::named_parameters, optim::{AdamW, AdamWOptions}};
//! use recurrent::{GruConfig, StateDict, tch};
//! use tch::{Device, Kind, Tensor, nn::VarStore};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let vs = VarStore::new(Device::Cpu);
//! let gru = GruConfig::new(4, 8).build(&vs.root())?;
//! let mut optimizer = AdamW::from_named(named_parameters(&vs), AdamWOptions::default())?;
//! let (output, _) = gru.forward(&Tensor::randn([5, 3, 4], (Kind::Float, Device::Cpu)), None)?;
//! optimizer.zero_grad()?;
//! backward(&output.square().mean(Kind::Float))?;
//! optimizer.step()?;
//! assert_eq!(StateDict::of(&vs).len(), 4);
//! # Ok(()) }
//! ```
//!
//! # Differences from torch
//! - Packed input of an LSTM is checked like that of a GRU. torch does not check it, and a state of the wrong rank
//!   crashes the process.
//! - [`pack_padded_sequence`] rejects a length greater than the padded input and, without `enforce_sorted`, too few
//!   lengths. torch returns a batch whose sizes do not fit its data.
//! - `forward_packed` rejects a state for more sequences than the packed input has. torch ignores the surplus.
//! - `batch_sizes` of a [`PackedSequence`] that was built by hand are checked before they are used.
//! - Input and state of a cell must have the same rank. torch accepts some mixtures.
//! - [`unpad_sequence`] does not change the caller's tensor. torch transposes it in place.
//! - [`invert_permutation`] rejects a tensor that is not a permutation.
//! - `load_state_dict` copies nothing if anything does not fit. torch copies what fits and then raises.
//! - Two layers on one path are an error. tch would name the second layer's weights `weight_ih_l0__4`.
//! - More than 65,536 layers are an error.
//! - A layer for a GPU draws its weights on the CPU and then moves them, like Python's `Layer(..).to("cuda")`. So one seed
//!   gives the same weights on every device.
//! - Where torch prints a warning, `config.warnings()` returns it.
//!
//! # Source files
//! | file | contents |
//! |---|---|
//! | `rnn.rs`, `lstm.rs`, `gru.rs` | the public types of each kind with their equations: config, layer, cell |
//! | `any.rs`, `recurrent.rs`, `state.rs` | [`AnyRecurrent`]; the trait [`Recurrent`]; the state types |
//! | `config_methods.rs`, `layer_methods.rs`, `cell_methods.rs` | macros: the methods that the three kinds share |
//! | `options.rs` | options of a layer and torch's checks on them |
//! | `layer_base.rs`, `cell_base.rs`, `parameters.rs` | a layer and a cell without the types; initialization of the parameters |
//! | `forward.rs`, `trace.rs` | a forward pass by libtorch's operations; step by step, with every gate |
//! | `stream.rs` | streaming inference, one time step for each call |
//! | `backend.rs`, `fused.rs` | the choice of the backend; the backend that uses `rnn-kernels` |
//! | `packed_sequence.rs`, `packing.rs`, `padding.rs`, `permutation.rs` | `torch.nn.utils.rnn` |
//! | `error.rs`, `dtype.rs`, `tensor.rs` | errors with torch's messages; dtype names; tensor accessors without panics |
#![forbid(unsafe_code)]

mod any;
mod backend;
mod cell_base;
mod cell_methods;
mod config_methods;
mod dtype;
mod error;
mod forward;
mod fused;
mod gru;
mod layer_base;
mod layer_methods;
mod lstm;
mod options;
mod packed_sequence;
mod packing;
mod padding;
mod parameters;
mod permutation;
mod recurrent;
mod rnn;
mod state;
mod stream;
mod tensor;
mod trace;

pub use any::AnyRecurrent;
pub use backend::Backend;
pub use error::{Error, PythonKind, Result};
pub use gru::{Gru, GruCell, GruConfig};
pub use lstm::{Lstm, LstmCell, LstmConfig};
pub use options::Nonlinearity;
pub use packed_sequence::PackedSequence;
pub use packing::{pack_padded_sequence, pack_sequence, pad_packed_sequence, unpack_sequence};
pub use padding::{Lengths, PaddingSide, pad_sequence, unpad_sequence};
pub use permutation::invert_permutation;
pub use recurrent::Recurrent;
pub use rnn::{Rnn, RnnCell, RnnConfig};
pub use state::{AnyState, LstmState, State};
pub use stream::Stream;
pub use tch;
pub use torch_ext;
pub use torch_ext::{IncompatibleKeys, StateDict};
pub use trace::Trace;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
