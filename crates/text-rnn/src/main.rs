//! `cargo run -p text-rnn`

use mimalloc::MiMalloc;
use text_rnn::LESSON;
use text_rnn::cli::Cli;

/// Replaces malloc and free for libtorch too, which allocates memory for every small tensor.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ! {
    lesson_kit::main(&LESSON, Cli::run)
}
