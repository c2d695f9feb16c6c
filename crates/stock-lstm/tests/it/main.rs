//! Tests of stock-lstm as a program, and comparisons with PyTorch.
#![allow(clippy::panic, clippy::unwrap_used)] // also in the tests' helper functions

mod backend;
mod cli;
mod cuda;
mod data;
mod dates;
mod example;
mod float64;
mod gates;
mod parity;
mod predict;
mod prices;
mod run_folder;
mod runtime;
mod scale;
mod support;

use std::sync::LazyLock;

use test_support::program;

static BINARY: LazyLock<String> = LazyLock::new(|| program(env!("CARGO_BIN_EXE_stock-lstm")));
