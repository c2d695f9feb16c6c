//! `cargo run -p rnn-lm`

use mimalloc::MiMalloc;
use rnn_lm::LESSON;
use rnn_lm::commands::Cli;

/// Replaces malloc, also in libtorch, which allocates memory for every small tensor.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ! {
    lesson_kit::main::<Cli>(&LESSON)
}
