//! With feature `tch` the tests link libtorch and must find it when they start; without it there is nothing to do.
//!
//! The folder comes from torch-sys and not from torch-ext (as in the rest of the workspace), so that this crate depends
//! on no other of the house.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if let Ok(lib) = std::env::var("DEP_TCH_LIBTORCH_LIB") {
        println!("cargo::rustc-link-arg=-Wl,-rpath,{lib}");
    }
}
