//! The build script of a package that links libtorch, through [tch](https://docs.rs/tch) or crates that use it.
//!
//! ```no_run
//! // build.rs
//! fn main() {
//!     libtorch_build::configure()
//! }
//! ```
//!
//! [`configure`] finds the libtorch that torch-sys uses, checks its version, and writes its folder into the package's programs
//! as run-time search path. So they start without `LD_LIBRARY_PATH`. Without it, a program ends with *libtorch_cpu.so: cannot
//! open shared object file*. Cargo passes link arguments only from a package's own build script, so each package with a program
//! or a test needs these lines.
//!
//! Each version of tch needs exactly one version of libtorch. With another one the build fails with hundreds of lines of C++
//! errors, or it succeeds and the program crashes later. torch-sys checks the version of a libtorch archive, but not that of a
//! Python wheel.
//!
//! | environment | effect |
//! |---|---|
//! | `LIBTORCH` | the folder of libtorch: an unpacked archive, or the folder `torch` of a Python |
//! | `LIBTORCH_USE_PYTORCH=1` | use the torch of the active Python |
//! | `LIBTORCH_LIB` | the folder that contains `lib`, if it is not `LIBTORCH` |
//! | `LIBTORCH_RPATH` | another run-time search path, such as `$ORIGIN/../libtorch` |
//! | `LIBTORCH_BYPASS_VERSION_CHECK=1` | accept any version, at your own risk |
//!
//! | file | what it holds |
//! |---|---|
//! | `find` | [`Libtorch::find`]: the libtorch that torch-sys uses |
//! | `version` | the table of versions, and the check of a folder |
//! | `build.rs` | checks `LIBTORCH` before torch-sys is compiled |
//! | `checked-c++` | checks it again in front of torch-sys's C++ compiler, in builds of this workspace |
#![forbid(unsafe_code)]
#![allow(clippy::needless_doctest_main)] // the example is a whole build script

mod find;
mod version;

pub use find::Libtorch;
pub use version::{found, pairs};

/// The whole build script of a package that links libtorch.
///
/// Finds libtorch, checks its version and sets the run-time search path of the package's programs, tests and examples. If that
/// fails, the build ends with a message that says what to type.
pub fn configure() {
    if std::path::Path::new("build.rs").exists() {
        println!("cargo::rerun-if-changed=build.rs");
    }
    if !cfg!(feature = "doc-only") {
        let _ = Libtorch::configure();
    }
}

#[cfg(test)]
mod tests;
