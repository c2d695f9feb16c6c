//! `cargo run -p stock-lstm`

use mimalloc::MiMalloc;
use stock_lstm::LESSON;
use stock_lstm::commands::Cli;

/// Replaces malloc, also in libtorch, which allocates memory for every small tensor.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ! {
    lesson_kit::main::<Cli>(&LESSON)
}
