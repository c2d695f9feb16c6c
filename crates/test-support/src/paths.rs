//! Where a test finds what it does not carry itself: the workspace's files, and the programs that are tested.

use std::env;
use std::path::{Path, PathBuf};

/// Names the folder of a bundle (`scripts/bundle.sh`), in which the workspace's files lie as they do here and its programs
/// in `bin`. What Cargo wrote into the tests holds on the machine that built them, and a bundle is run on others.
const BUNDLE: &str = "WORKSPACE_ROOT";

/// The top folder of the workspace, or of the bundle.
pub fn workspace() -> PathBuf {
    bundle().unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
}

/// The path of a program of this workspace: `built`, which is `env!("CARGO_BIN_EXE_NAME")`, or its place in the bundle.
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
    env::var_os(BUNDLE).map(PathBuf::from)
}
