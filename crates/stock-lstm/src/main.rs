//! `cargo run -p stock-lstm`

use std::process::ExitCode;

use stock_lstm::LESSON;
use stock_lstm::cli::Cli;

fn main() -> ExitCode {
    lesson_kit::main(&LESSON, Cli::run)
}
