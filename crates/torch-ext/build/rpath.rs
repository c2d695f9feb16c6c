//! The build script of every package with a binary, test, bench or example that links libtorch, and the one place that
//! talks to the linker: the result starts from any folder with no LD_LIBRARY_PATH.
//!
//! Link arguments do not reach dependents, hence one build script a package. They all name this file
//! (`build = "../torch-ext/build/rpath.rs"`). The folder comes from torch-ext or, where a package knows torch-sys alone,
//! from there; a package that depends on neither links no libtorch, and there is nothing to say. `LIBTORCH_RPATH` names
//! another folder to write, such as `$ORIGIN/../libtorch`: scripts/bundle.sh builds for machines that have theirs elsewhere.

/// Writes libtorch's folder into the package's binaries.
pub fn main() {
    println!("cargo::rerun-if-changed=Cargo.toml");
    println!("cargo::rerun-if-env-changed=LIBTORCH_RPATH");
    let keys = ["DEP_TORCH_EXT_LIBTORCH_LIB", "DEP_TCH_LIBTORCH_LIB"];
    if let Some(folder) = keys.into_iter().find_map(|key| std::env::var(key).ok()) {
        let folder = std::env::var("LIBTORCH_RPATH").unwrap_or(folder);
        println!("cargo::rustc-link-arg=-Wl,-rpath,{folder}");
    }
}
