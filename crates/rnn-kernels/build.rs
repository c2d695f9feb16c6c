//! Passes Cargo's optimisation level to the compiler as an environment variable, because source code cannot read it otherwise.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-env=RNN_KERNELS_OPT_LEVEL={}", std::env::var("OPT_LEVEL").unwrap_or_default());
}
