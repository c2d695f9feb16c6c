//! `cargo run -p rnn-lm`

use std::process::ExitCode;

use rnn_lm::LESSON;
use rnn_lm::cli::Cli;

fn main() -> ExitCode {
    lesson_kit::main(&LESSON, Cli::run)
}
