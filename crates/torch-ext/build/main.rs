//! Compiles the C++ shim and tells dependents where libtorch lies (see rpath.rs).

#[path = "rpath.rs"]
mod rpath;

use std::env;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo::rerun-if-changed=csrc");
    println!("cargo::rerun-if-changed=build");
    let Some(lib) = env::var_os("DEP_TCH_LIBTORCH_LIB").map(PathBuf::from) else {
        println!("cargo::error=torch-sys did not say where libtorch is; is it still a direct dependency of torch-ext?");
        return;
    };
    println!("cargo::metadata=libtorch_lib={}", lib.display());
    rpath::main();
    let include = lib.parent().unwrap_or(Path::new("")).join("include");
    cc::Build::new()
        .cpp(true)
        .std("c++20")
        .warnings(false) // libtorch's headers have many
        .include(&include)
        .include(include.join("torch/csrc/api/include"))
        .files([
            "csrc/autograd.cpp",
            "csrc/cpu.cpp",
            "csrc/optim.cpp",
            "csrc/parallel.cpp",
            "csrc/rng.cpp",
            "csrc/slices.cpp",
        ])
        .compile("torch_ext_shim");
}
