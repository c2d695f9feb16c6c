//! `cargo run -p mnist-gru`

use std::process::ExitCode;

use mnist_gru::LESSON;
use mnist_gru::cli::Cli;

fn main() -> ExitCode {
    lesson_kit::main(&LESSON, Cli::run)
}
