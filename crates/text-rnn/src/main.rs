//! `cargo run -p text-rnn`

use std::process::ExitCode;

use text_rnn::LESSON;
use text_rnn::cli::Cli;

fn main() -> ExitCode {
    lesson_kit::main(&LESSON, Cli::run)
}
