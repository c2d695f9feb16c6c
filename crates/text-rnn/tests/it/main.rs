//! text-rnn as its users run it, and beside PyTorch.

mod cli;
mod parity;

const BINARY: &str = env!("CARGO_BIN_EXE_text-rnn");
