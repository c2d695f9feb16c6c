//! A lesson beside its notebook.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::python::{WAIT_POLICY, python, skipped};
use crate::workspace;

/// Whether the recorded numbers of `lesson` are those of `libtorch`, the release that this test is built for
/// (`torch_ext::version::WANTED`); otherwise says that a test is skipped.
///
/// # Panics
/// If there is no record.
pub fn record_fits(lesson: &str, libtorch: &str) -> bool {
    let record = workspace().join("notebooks-ref/expected").join(lesson).with_extension("json");
    let record: Value = serde_json::from_str(&fs::read_to_string(record).unwrap()).unwrap();
    let torch = record["versions"]["torch"].as_str().unwrap().split('+').next().unwrap();
    let fits = torch == libtorch;
    if !fits {
        skipped(
            &format!("{lesson} beside its record"),
            &format!("recorded with libtorch {torch}, and this is {libtorch}"),
        );
    }
    fits
}

/// Runs `BINARY compare --live --json ARGS` in the top folder of the workspace, without any environment that would help it
/// find libtorch, and returns the report; `None` without a Python torch.
///
/// # Panics
/// If it gives no report.
pub fn compare_live(test: &str, binary: &str, args: &[&str]) -> Option<Value> {
    python(test)?;
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(binary)
        .args(["compare", "--live", "--json", "--quiet", "--out", folder.path().to_str().unwrap()])
        .args(args)
        .current_dir(workspace())
        .env_remove("LD_LIBRARY_PATH")
        .env(WAIT_POLICY.0, WAIT_POLICY.1)
        .output()
        .unwrap();
    let report = serde_json::from_slice(&output.stdout);
    Some(report.unwrap_or_else(|_| panic!("{test} {args:?}:\n{}", String::from_utf8_lossy(&output.stderr))))
}

/// Asserts that so many quantities were compared and every one is equal to the bit.
///
/// # Panics
/// If not; the rows that are off are in the message.
pub fn assert_equal_bits(report: &Value, quantities: usize) {
    let rows = report["rows"].as_array().unwrap();
    let off: Vec<_> = rows.iter().filter(|row| row["verdict"] != "equal").collect();
    assert!(off.is_empty() && report["ok"] == true, "{off:#?}");
    assert_eq!(rows.len(), quantities);
}
