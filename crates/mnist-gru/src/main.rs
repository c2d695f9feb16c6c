//! `cargo run -p mnist-gru`

use mimalloc::MiMalloc;
use mnist_gru::LESSON;
use mnist_gru::commands::Cli;

/// Replaces malloc, also in libtorch, which allocates memory for every small tensor.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ! {
    lesson_kit::main::<Cli>(&LESSON)
}
