//! `cargo run -p stock-lstm`

use mimalloc::MiMalloc;
use stock_lstm::LESSON;
use stock_lstm::cli::Cli;

/// Replaces malloc and free for libtorch too, which allocates memory for every small tensor.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ! {
    lesson_kit::main(&LESSON, Cli::run)
}
