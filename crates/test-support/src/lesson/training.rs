//! Trains a lesson and reads its losses.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;

/// Runs a lesson's program with these options, after options that the tests of that lesson always pass.
pub type Lesson<'a> = &'a dyn Fn(&[&str]) -> Output;

/// Trains into the run folder `out`.
#[track_caller]
pub(crate) fn train(lesson: Lesson<'_>, out: &Path, options: &[&str]) {
    let output = lesson(&[options, &["--quiet", "--no-plots", "--out", out.to_str().unwrap()]].concat());
    assert!(output.status.success(), "{options:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The losses of the run in `out`: one a batch where the lesson records them, otherwise one an epoch.
pub(crate) fn losses(out: &Path) -> Vec<f64> {
    let metrics = fs::read_to_string(out.join("metrics.jsonl")).unwrap();
    let losses_of_epoch = |line: &str| -> Vec<f64> {
        let epoch: Value = serde_json::from_str(line).unwrap();
        match &epoch["batch_losses"] {
            Value::Null => vec![epoch["loss"].as_f64().unwrap()],
            batches => serde_json::from_value(batches.clone()).unwrap(),
        }
    };
    metrics.lines().flat_map(losses_of_epoch).collect()
}
