//! Tests of rnn-lm as a program, on a language with a known entropy, and comparisons with PyTorch.
#![allow(clippy::panic, clippy::unwrap_used)] // also in the tests' helper functions

mod backend;
mod cli;
mod corpus;
mod cuda;
mod entropy;
mod float64;
mod gates;
mod markov;
mod parity;
mod predict;
mod processes;
mod resume;
mod run_folder;
mod runtime;
mod shapes;
mod support;
mod unknown;

use std::sync::LazyLock;

use test_support::program;

static BINARY: LazyLock<String> = LazyLock::new(|| program(env!("CARGO_BIN_EXE_rnn-lm")));
