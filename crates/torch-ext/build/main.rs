//! Finds libtorch, and compiles the C++ shim for it.

mod nccl;

use std::env;
use std::path::PathBuf;

use libtorch_build::Libtorch;

fn main() {
    println!("cargo::rerun-if-changed=csrc");
    println!("cargo::rerun-if-changed=build");
    if env::var_os("CARGO_FEATURE_DOC_ONLY").is_some() {
        println!("cargo::rustc-env=LIBTORCH_REQUIRED="); // nothing is compiled for a libtorch
        return;
    }
    let Some(libtorch) = Libtorch::configure() else { return };
    println!("cargo::rustc-env=LIBTORCH_REQUIRED={}", libtorch.version);
    // As torch-sys.
    let include = ["LIBTORCH_INCLUDE", "LIBTORCH"].into_iter().find_map(env::var_os);
    let include = include.filter(|_| env::var_os("LIBTORCH_USE_PYTORCH").is_none()).map(PathBuf::from);
    let include = include.or_else(|| Some(libtorch.lib.parent()?.to_owned())).unwrap_or_default().join("include");
    let mut shim = cc::Build::new();
    shim.cpp(true)
        .std("c++20")
        .warnings(false) // libtorch's headers have many
        .include(&include)
        .include(include.join("torch/csrc/api/include"));
    let mut dist = shim.clone();
    dist.include("csrc/gloo_stub").define("USE_C10D", None).define("USE_C10D_GLOO", None);
    if env::var_os("CARGO_FEATURE_NCCL").is_some() && !nccl::add(&mut dist, &libtorch.lib) {
        return;
    }
    dist.file("csrc/dist.cpp").compile("torch_ext_dist");
    let files =
        ["autograd", "backward", "optim", "parallel", "rng", "slices", "system"].map(|name| format!("csrc/{name}.cpp"));
    shim.files(files).compile("torch_ext_shim");
}
