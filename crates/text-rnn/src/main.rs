//! `cargo run -p text-rnn`

use mimalloc::MiMalloc;
use text_rnn::LESSON;
use text_rnn::commands::Cli;

/// Replaces malloc, also in libtorch, which allocates memory for every small tensor.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ! {
    lesson_kit::main::<Cli>(&LESSON)
}
