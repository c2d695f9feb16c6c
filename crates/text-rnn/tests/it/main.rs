//! text-rnn as its users run it, and beside PyTorch.

#![allow(clippy::panic, clippy::unwrap_used)] // helpers of tests are tests, which clippy does not see

mod backend;
mod cli;
mod compare;
mod cuda;
mod data;
mod documentation;
mod float64;
mod gates;
mod predict;
mod resume;
mod run_folder;
mod support;

use std::sync::LazyLock;

use test_support::program;

static BINARY: LazyLock<String> = LazyLock::new(|| program(env!("CARGO_BIN_EXE_text-rnn")));
