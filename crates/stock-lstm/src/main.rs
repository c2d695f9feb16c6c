//! `cargo run -p stock-lstm`

use mimalloc::MiMalloc;
use stock_lstm::LESSON;
use stock_lstm::commands::Cli;

/// Replaces malloc, for libtorch too: it allocates memory for every small tensor.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ! {
    lesson_kit::main::<Cli>(&LESSON)
}
