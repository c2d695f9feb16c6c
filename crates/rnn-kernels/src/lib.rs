//! CPU kernels for whole sequences through RNN, LSTM and GRU, forward and back through time, in f32.
//!
//! Slices in, slices out: this crate knows no tensor library. Equations, gate order and parameter layout are those of
//! `torch.nn.RNN`, `LSTM` and `GRU`.
mod arrange;
mod backward;
mod buffer;
mod cells;
mod config;
mod copy;
mod dots;
mod error;
mod forward;
mod gemm;
mod gradients;
mod isa;
mod lanes;
mod layout;
mod math;
mod network;
mod parallel;
mod parameters;
mod rows;
mod simd;

pub use config::{Cell, Config};
pub use error::{Error, Result};
pub use isa::{InstructionSet, VARIABLE};
pub use network::{Input, InputGradients, Network, Output, OutputGradients, Sequence, Tape, Weights};
pub use parallel::{Parallel, Serial};
