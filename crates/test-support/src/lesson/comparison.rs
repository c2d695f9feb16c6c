//! `compare`: a lesson beside its notebook.

use std::process::Command;

use serde_json::Value;

use crate::python::{WAIT_POLICY, python};
use crate::workspace;

/// Runs `BINARY compare --live --json ARGS` in the top folder of the workspace. Returns its report.
///
/// # Panics
/// If the workspace's Python has no torch, or if the program prints no report.
#[track_caller]
pub fn compare_live(binary: &str, args: &[&str]) -> Value {
    python();
    compare(binary, &[&["--live"], args].concat())
}

/// Runs `BINARY compare --json ARGS` in the top folder of the workspace. Returns its report.
///
/// `LD_LIBRARY_PATH` is not set: the program must find libtorch without it.
///
/// # Panics
/// If the program prints no report, or if its exit code contradicts the report.
#[track_caller]
pub fn compare(binary: &str, args: &[&str]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(binary)
        .args(["compare", "--json", "--quiet", "--out", folder.path().to_str().unwrap()])
        .args(args)
        .current_dir(workspace())
        .env_remove("LD_LIBRARY_PATH")
        .env(WAIT_POLICY.0, WAIT_POLICY.1)
        .output()
        .unwrap();
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{args:?}:\n{}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!(output.status.success(), report["ok"] == true, "the exit code is {}: {report:#}", output.status);
    report
}

/// Asserts that a report has this number of quantities and that all are equal to the bit.
///
/// # Panics
/// If not; the message has the rows that differ.
#[track_caller]
pub fn assert_equal_bits(report: &Value, quantities: usize) {
    let rows = report["rows"].as_array().unwrap();
    let off: Vec<_> = rows.iter().filter(|row| row["verdict"] != "equal").collect();
    assert!(off.is_empty() && report["ok"] == true, "{off:#?}");
    assert_eq!(rows.len(), quantities);
}

/// Asserts that a comparison under `--backend fused`, recorded or live, is good and was judged by a tolerance, not by bits.
///
/// # Panics
/// If not.
#[track_caller]
pub fn assert_compared_with_tolerance(report: &Value) {
    assert_eq!((&report["ok"], &report["backend"]), (&true.into(), &"fused".into()), "{report:#}");
    assert!(report["tolerance"].as_str().unwrap().starts_with("here with --backend fused"));
    let losses = report["rows"].as_array().unwrap().iter().find(|row| row["group"] == "losses").unwrap();
    assert!(losses["verdict"].as_str().unwrap().starts_with("within "), "{losses}");
}
