//! Runs PyTorch beside a test: the numbers that a test compares with are made at that moment, on this machine.
//!
//! `scripts/setup.sh --full` installs the Python torch that this needs; without it such a test says that it was skipped
//! and passes. With `REQUIRE_PYTHON_TORCH` set (as in `.ci/run`) it fails instead.
use std::env;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use crate::workspace;

/// OpenMP's threads sleep while they wait, and do not spin: tests run side by side, and threads that spin take the cores
/// away from those that work. The numbers do not depend on it.
pub(crate) const WAIT_POLICY: (&str, &str) = ("OMP_WAIT_POLICY", "passive");

/// The workspace's Python, if it can import torch; otherwise says that `test` is skipped and returns `None`.
///
/// # Panics
/// If there is none although `REQUIRE_PYTHON_TORCH` is set.
pub fn python(test: &str) -> Option<PathBuf> {
    static PYTHON: OnceLock<Option<PathBuf>> = OnceLock::new();
    let python = PYTHON.get_or_init(|| {
        let python = workspace().join(".venv/bin/python");
        let imported = Command::new(&python).args(["-c", "import torch"]).output();
        imported.is_ok_and(|output| output.status.success()).then_some(python)
    });
    if python.is_none() {
        assert!(
            env::var_os("REQUIRE_PYTHON_TORCH").is_none(),
            "REQUIRE_PYTHON_TORCH is set, but .venv has no Python torch: run scripts/setup.sh --full"
        );
        skipped(test, "no Python torch (scripts/setup.sh --full installs it)");
    }
    python.clone()
}

/// Says that `test` is skipped, straight to the stream: the test harness hides what a passing test prints.
pub fn skipped(test: &str, why: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {test}: {why}");
}

/// The workspace's torchrun; `None` where [`python`] finds no torch.
///
/// # Panics
/// As [`python`].
pub fn torchrun(test: &str) -> Option<Command> {
    let mut command = Command::new(python(test)?.with_file_name("torchrun"));
    command.current_dir(workspace()).env("OMP_NUM_THREADS", "1");
    Some(command)
}

/// Runs `program` (Python source) with `args` in the top folder of the workspace and returns what it printed.
///
/// `None` where [`python`] finds no torch.
///
/// # Panics
/// If the program fails; its error output is in the message.
pub fn run(test: &str, program: &str, args: &[&str]) -> Option<String> {
    let mut words = vec!["-c", program];
    words.extend(args);
    run_python(test, &words)
}

/// Runs Python with these arguments; see [`run`].
fn run_python(test: &str, args: &[&str]) -> Option<String> {
    let python = python(test)?;
    let output = Command::new(python)
        .args(args)
        .current_dir(workspace())
        .env(WAIT_POLICY.0, WAIT_POLICY.1)
        .output()
        .unwrap_or_else(|error| panic!("{test}: cannot run Python: {error}"));
    assert!(output.status.success(), "{test}: Python failed:\n{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}
