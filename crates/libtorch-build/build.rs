//! Stops the build with one message if LIBTORCH names a missing or wrong libtorch.
//!
//! It depends on nothing, so it runs before torch-sys compiles its C++.

#[path = "src/version.rs"]
#[allow(dead_code)]
mod version;

use std::{env, path::PathBuf};

fn main() {
    println!("cargo::rerun-if-changed=versions.txt");
    for variable in ["LIBTORCH", "LIBTORCH_USE_PYTORCH", version::BYPASS] {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    let unused = ["CARGO_FEATURE_DOC_ONLY", "LIBTORCH_USE_PYTORCH"].into_iter().any(|name| env::var_os(name).is_some());
    let Some(libtorch) = env::var_os("LIBTORCH").filter(|_| !unused).map(PathBuf::from) else {
        return; // torch-sys searches elsewhere. It checks what it finds there.
    };
    version::rerun_if_changed(&libtorch);
    let workspace = env::var_os("OUT_DIR").map(PathBuf::from).unwrap_or_default();
    if let Err(message) = version::check(&libtorch, &version::torch_sys(&workspace)) {
        version::print_error(&message);
    }
}
