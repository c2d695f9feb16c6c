//! stock-lstm as its users run it, and beside PyTorch.
#![allow(clippy::unwrap_used)] // clippy.toml allows it in tests, but does not see that the helpers here are part of them

mod cli;
mod parity;

const BINARY: &str = env!("CARGO_BIN_EXE_stock-lstm");
