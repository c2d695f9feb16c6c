//! `cargo run -p mnist-gru`

use mimalloc::MiMalloc;
use mnist_gru::LESSON;
use mnist_gru::cli::Cli;

/// Replaces malloc and free for libtorch too, which allocates memory for every small tensor.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ! {
    lesson_kit::main(&LESSON, Cli::run)
}
