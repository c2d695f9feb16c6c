//! `--live`: runs the notebook's program with the workspace's Python.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use lesson_kit::Lesson;

use crate::args::CompareArgs;
use crate::reference::Reference;

/// The Python that scripts/setup.sh --full installs.
const PYTHON: &str = ".venv/bin/python";

/// Runs the notebook and reads its numbers.
///
/// # Errors
/// If Python's torch is not installed, or the notebook fails.
pub fn run(lesson: &Lesson, args: &CompareArgs, threads: Option<i32>) -> Result<Reference> {
    ensure!(
        Path::new(PYTHON).exists(),
        "--live: there is no {PYTHON} in this folder; run scripts/setup.sh --full, or change to the workspace's folder"
    );
    let folder = tempfile::tempdir().context("--live: cannot create a temporary folder")?;
    let notebook = args.notebooks.join(lesson.name.replace('-', "_")).with_extension("ipynb");
    let mut command = Command::new(PYTHON);
    command.arg(args.notebooks.join("run.py")).arg(&notebook).arg("--all-values").arg("--out").arg(folder.path());
    let options = [
        ("--seed", args.seed.map(|seed| seed.to_string())),
        ("--epochs", args.epochs.map(|epochs| epochs.to_string())),
        ("--limit", args.limit.map(|limit| limit.to_string())),
        ("--threads", threads.map(|threads| threads.to_string())),
        ("--checkpoint", args.checkpoint.as_ref().map(|file| file.display().to_string())),
    ];
    for (name, value) in options {
        command.args(value.map(|value| format!("{name}={value}")));
    }
    let output = command.output().with_context(|| format!("--live: cannot start {PYTHON}"))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        let last = stderr.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it printed no message");
        bail!("--live: {} failed: {last}", notebook.display());
    }
    Reference::read(&folder.path().join("reference.json"))
}
