//! Where the tests find files of the workspace and the program under test.

use std::env;
use std::path::{Path, PathBuf};

/// The top folder of the workspace. A bundle (`scripts/bundle.sh`), which runs on another machine, sets `WORKSPACE_ROOT`.
pub fn workspace() -> PathBuf {
    bundle().unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
}

/// The path of a program of this crate. `built` is `env!("CARGO_BIN_EXE_NAME")`; a bundle has the program in `bin`.
pub fn program(built: &str) -> PathBuf {
    bundle().map_or_else(|| built.into(), |bundle| bundle.join("bin").join(Path::new(built).file_name().unwrap()))
}

fn bundle() -> Option<PathBuf> {
    env::var_os("WORKSPACE_ROOT").map(PathBuf::from)
}
