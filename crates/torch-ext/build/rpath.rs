//! The build script of every package with a binary, test, bench or example: it tells the linker where libtorch lies,
//! so that the result starts from any folder with no LD_LIBRARY_PATH.
//!
//! Link arguments do not reach dependents, hence one build script a package. They all name this file
//! (`build = "../torch-ext/build/rpath.rs"`); the folder comes from torch-ext, on which the package must depend.

fn main() {
    match std::env::var("DEP_TORCH_EXT_LIBTORCH_LIB") {
        Ok(lib) => println!("cargo::rustc-link-arg=-Wl,-rpath,{lib}"),
        Err(_) => println!("cargo::error=no libtorch folder from torch-ext: name it under [dependencies]"),
    }
}
