//! Where tests find files of the workspace and the programs under test.

use std::env;
use std::path::{Path, PathBuf};

/// The top folder of the workspace.
///
/// `WORKSPACE_ROOT` overrides the folder that Cargo compiled into the test. A bundle (`scripts/bundle.sh`) sets it: it runs on
/// other machines, and has the same files, and the programs in `bin`.
pub fn workspace() -> PathBuf {
    bundle().unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned())
}

/// The path of a program of this workspace. `built` is `env!("CARGO_BIN_EXE_NAME")`; a bundle has the program in `bin`.
///
/// # Panics
/// If `built` has no file name.
pub fn program(built: &str) -> String {
    match bundle() {
        None => built.to_owned(),
        Some(bundle) => bundle.join("bin").join(Path::new(built).file_name().unwrap()).to_string_lossy().into_owned(),
    }
}

fn bundle() -> Option<PathBuf> {
    env::var_os("WORKSPACE_ROOT").map(PathBuf::from)
}
