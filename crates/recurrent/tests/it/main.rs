//! `recurrent` beside `torch.nn`.
//!
//! Tests that PyTorch has too are named after its own; the module says where they stand there.
#![allow(non_snake_case)] // PyTorch's names
#![allow(clippy::unwrap_used, clippy::panic)] // a panic is how a test fails, in helpers too

mod support;

mod common_modules;
mod constructor;
mod cpp_rnn;
mod cuda;
mod fused;
mod fuzz;
mod grid;
mod hostile;
mod init;
mod nn_cells;
mod nn_dropout;
mod nn_layers;
mod nn_packed;
mod packed_sequence;
mod properties;
mod state_dict;
mod trace;
