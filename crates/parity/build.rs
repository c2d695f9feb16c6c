//! Finds libtorch, and sets the run-time search path of the programs and tests.

fn main() {
    libtorch_build::configure()
}
