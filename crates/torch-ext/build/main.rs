//! Compiles the C++ shim, and passes libtorch's folder to the build scripts of dependent packages (see rpath.rs).

mod nccl;
#[path = "rpath.rs"]
mod rpath;

use std::env;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo::rerun-if-changed=csrc");
    println!("cargo::rerun-if-changed=build");
    let Some(lib) = env::var_os("DEP_TCH_LIBTORCH_LIB").map(PathBuf::from) else {
        println!("cargo::error=torch-sys set no DEP_TCH_LIBTORCH_LIB; is it still a direct dependency of torch-ext?");
        return;
    };
    println!("cargo::metadata=libtorch_lib={}", lib.display());
    println!("cargo::metadata=libtorch_version={}", libtorch_version::WANTED);
    rpath::main();
    let include = lib.parent().unwrap_or(Path::new("")).join("include");
    let mut shim = cc::Build::new();
    shim.cpp(true)
        .std("c++20")
        .warnings(false) // libtorch's headers have many
        .include(&include)
        .include(include.join("torch/csrc/api/include"));
    let mut dist = shim.clone();
    dist.include("csrc/gloo_stub").define("USE_C10D", None).define("USE_C10D_GLOO", None);
    if env::var_os("CARGO_FEATURE_NCCL").is_some() && !nccl::add(&mut dist, &lib) {
        return;
    }
    dist.file("csrc/dist.cpp").compile("torch_ext_dist");
    let files =
        ["autograd", "backward", "optim", "parallel", "rng", "slices", "system"].map(|name| format!("csrc/{name}.cpp"));
    shim.files(files).compile("torch_ext_shim");
}
