//! Runs PyTorch beside a test: the expected numbers are computed at that moment, on the same machine.
//!
//! A test that uses this module is ignored (README.md has the attribute). `cargo test python -- --ignored` runs it. It fails if
//! the workspace's Python has no torch, and the message names the command that installs torch.

use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;

use crate::workspace;

/// OpenMP threads sleep while they wait; they do not spin. Tests run side by side, and spinning threads would take the cores
/// from the others. The numbers do not depend on it.
pub(crate) const WAIT_POLICY: (&str, &str) = ("OMP_WAIT_POLICY", "passive");

/// The workspace's Python, which can import torch.
///
/// # Panics
/// If it cannot.
#[track_caller]
pub fn python() -> PathBuf {
    static PYTHON: LazyLock<PathBuf> = LazyLock::new(|| workspace().join(".venv/bin/python"));
    static IMPORTS_TORCH: LazyLock<bool> = LazyLock::new(|| {
        let output = Command::new(&*PYTHON).args(["-c", "import torch"]).output();
        output.is_ok_and(|output| output.status.success())
    });
    assert!(*IMPORTS_TORCH, "{} cannot import torch: run scripts/setup.sh --full", PYTHON.display());
    PYTHON.clone()
}

/// A command that runs the workspace's torchrun in the top folder of the workspace, with one thread a process.
///
/// # Panics
/// As [`python`].
#[track_caller]
pub fn torchrun() -> Command {
    let mut command = Command::new(python().with_file_name("torchrun"));
    command.current_dir(workspace()).env("OMP_NUM_THREADS", "1");
    command
}

/// Runs `program` (Python source) with `args` in the top folder of the workspace. Returns what it printed.
///
/// # Panics
/// As [`python`], and if the program fails. The message has its error output.
#[track_caller]
pub fn run_python(program: &str, args: &[&str]) -> String {
    let output = Command::new(python())
        .args(["-c", program])
        .args(args)
        .current_dir(workspace())
        .env(WAIT_POLICY.0, WAIT_POLICY.1)
        .output()
        .unwrap();
    assert!(output.status.success(), "Python failed:\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
