//! Tests of mnist-gru as a program, and comparisons with PyTorch.
#![allow(clippy::panic, clippy::unwrap_used)] // also in the tests' helper functions

mod backend;
mod batches;
mod cli;
mod cuda;
mod example;
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
mod runtime;
mod support;

use std::sync::LazyLock;

use test_support::program;

static BINARY: LazyLock<String> = LazyLock::new(|| program(env!("CARGO_BIN_EXE_mnist-gru")));
