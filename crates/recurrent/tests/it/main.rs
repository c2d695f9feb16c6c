//! Compares `recurrent` with `torch.nn`.
//!
//! Tests that are ported from PyTorch have PyTorch's names. The first line of their module names PyTorch's file.
#![allow(non_snake_case)] // the names of PyTorch's tests
#![allow(clippy::unwrap_used, clippy::panic)] // in the tests' helper functions

mod support;

mod any_recurrent;
mod common_modules;
mod constructor;
mod cpp_rnn;
mod cuda;
mod fused;
mod fuzz;
mod grid;
mod init;
mod invalid_input;
mod nn_cells;
mod nn_dropout;
mod nn_layers;
mod nn_packed;
mod packed_sequence;
mod properties;
mod state_dict;
mod stream;
mod trace;
