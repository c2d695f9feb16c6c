//! Passes Cargo's optimisation level on, which the sources cannot read.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-env=RNN_KERNELS_OPT_LEVEL={}", std::env::var("OPT_LEVEL").unwrap_or_default());
}
