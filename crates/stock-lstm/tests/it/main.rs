//! stock-lstm as its users run it, and beside PyTorch.
#![allow(clippy::panic, clippy::unwrap_used)] // clippy.toml allows it in tests, but does not see that the helpers here are part of them

mod backend;
mod cli;
mod cuda;
mod data;
mod dates;
mod float64;
mod gates;
mod parity;
mod predict;
mod prices;
mod run_folder;
mod scale;
mod support;

use std::sync::LazyLock;

use test_support::program;

static BINARY: LazyLock<String> = LazyLock::new(|| program(env!("CARGO_BIN_EXE_stock-lstm")));
