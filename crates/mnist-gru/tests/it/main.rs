//! mnist-gru as its users run it, with files that are not as they should be, and beside PyTorch.
#![allow(clippy::panic, clippy::unwrap_used)] // helpers of tests are tests, which clippy does not see

mod backend;
mod batches;
mod cli;
mod cuda;
mod files;
mod float64;
mod normalise;
mod parity;
mod predict;
#[cfg(unix)]
mod processes;
#[cfg(unix)]
mod resume;
mod run_folder;
mod support;

use std::sync::LazyLock;

use test_support::program;

static BINARY: LazyLock<String> = LazyLock::new(|| program(env!("CARGO_BIN_EXE_mnist-gru")));
