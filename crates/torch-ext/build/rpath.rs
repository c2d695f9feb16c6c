//! The build script of every package with a binary, test, bench or example that links libtorch.
//!
//! All these packages name this file: `build = "../torch-ext/build/rpath.rs"`. Cargo does not pass link arguments and `cfg`s
//! to dependents, so each package needs a build script.
//!
//! | emits | meaning |
//! |---|---|
//! | `-rpath` | libtorch's folder: the binary starts from any folder without `LD_LIBRARY_PATH` |
//! | `cfg(python_torch)` | the workspace's Python can import torch; without it, tests that need it are `ignored` |
//! | `cfg(recorded_libtorch)` | this libtorch made the recorded numbers; with another, tests that read them are `ignored` |
//!
//! | environment | effect |
//! |---|---|
//! | `LIBTORCH_RPATH` | another folder for `-rpath`, such as `$ORIGIN/../libtorch` (`scripts/bundle.sh`) |
//! | `REQUIRE_PYTHON_TORCH=1` | `cfg(python_torch)` in any case: without Python's torch those tests fail (`.ci/run`, `scripts/bundle.sh`) |

use std::env;
use std::path::Path;
use std::process::Command;

/// The libtorch release whose numbers are recorded in `notebooks-ref/expected` and in the tests.
const RECORDED: &str = "2.13.0";

/// Emits everything in the tables above.
pub fn main() {
    println!("cargo::rerun-if-changed=Cargo.toml");
    run_time_path();
    tests_that_run();
}

/// libtorch's folder comes from torch-ext, or from torch-sys in a package that depends only on that one.
fn run_time_path() {
    println!("cargo::rerun-if-env-changed=LIBTORCH_RPATH");
    let keys = ["DEP_TORCH_EXT_LIBTORCH_LIB", "DEP_TCH_LIBTORCH_LIB"];
    if let Some(folder) = keys.into_iter().find_map(|key| env::var(key).ok()) {
        let folder = env::var("LIBTORCH_RPATH").unwrap_or(folder);
        println!("cargo::rustc-link-arg=-Wl,-rpath,{folder}");
    }
}

/// Build scripts run in their package's folder, `crates/NAME`.
fn tests_that_run() {
    println!("cargo::rustc-check-cfg=cfg(python_torch, recorded_libtorch)");
    println!("cargo::rerun-if-env-changed=REQUIRE_PYTHON_TORCH");
    // Written by scripts/setup.sh. Cargo would run the build script at every build if the file did not exist.
    let stamp = "../../.venv/setup.stamp";
    if Path::new(stamp).exists() {
        println!("cargo::rerun-if-changed={stamp}");
    }
    let imports_torch = || {
        let output = Command::new("../../.venv/bin/python").args(["-c", "import torch"]).output();
        output.is_ok_and(|output| output.status.success())
    };
    if env::var_os("REQUIRE_PYTHON_TORCH").is_some() || imports_torch() {
        println!("cargo::rustc-cfg=python_torch");
    }
    if env::var("DEP_TORCH_EXT_LIBTORCH_VERSION").is_ok_and(|version| version == RECORDED) {
        println!("cargo::rustc-cfg=recorded_libtorch");
    }
}
