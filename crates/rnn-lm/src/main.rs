//! `cargo run -p rnn-lm`

use mimalloc::MiMalloc;
use rnn_lm::LESSON;
use rnn_lm::cli::Cli;

/// Replaces malloc and free for libtorch too, which allocates memory for every small tensor.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ! {
    lesson_kit::main(&LESSON, Cli::run)
}
