//! rnn-lm as its users run it, on a language whose entropy is known, and beside PyTorch.
#![allow(clippy::panic, clippy::unwrap_used)] // helpers of tests are tests, which clippy does not see

mod backend;
mod cli;
mod corpus;
mod cuda;
mod entropy;
mod float64;
mod markov;
mod parity;
mod predict;
mod processes;
mod resume;
mod run_folder;
mod shapes;
mod support;
mod unknown;

use std::sync::LazyLock;

use test_support::program;

static BINARY: LazyLock<String> = LazyLock::new(|| program(env!("CARGO_BIN_EXE_rnn-lm")));
