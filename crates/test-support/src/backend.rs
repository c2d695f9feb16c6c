//! What the tests of every lesson ask of `--backend fused`.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;

/// Runs a lesson: its tests' own options and these.
type Lesson<'a> = &'a dyn Fn(&[&str]) -> Output;

/// Asserts that a fused run of `first` epochs that goes on to `all` has the files of one that never stopped, and that it
/// does not go on under the other backend.
///
/// # Panics
/// If not.
pub fn assert_goes_on(lesson: Lesson<'_>, options: &[&str], first: &str, all: &str) {
    let folder = tempfile::tempdir().unwrap();
    let [whole, parts] = ["whole", "parts"].map(|name| folder.path().join(name));
    train(lesson, &whole, &[options, &["--backend", "fused", "--epochs", all]].concat());
    train(lesson, &parts, &[options, &["--backend", "fused", "--epochs", first]].concat());

    let out = parts.to_str().unwrap();
    let refused = lesson(&["--resume", "--quiet", "--epochs", all, "--backend", "exact", "--out", out]);
    let message = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{message}");
    assert!(message.contains("backend = \"fused\", this one would have \"exact\""), "{message}");

    train(lesson, &parts, &["--resume", "--epochs", all]);
    for name in ["metrics.jsonl", "model.pt", "best.pt"] {
        let [whole, parts] = [&whole, &parts].map(|out| fs::read(out.join(name)).unwrap());
        assert!(whole == parts, "{name}");
    }
}

/// The report of a comparison under `--backend fused`, on record or live: good, and judged by a tolerance, not by bits.
///
/// # Panics
/// If not.
pub fn assert_compared_by_digits(report: &Value) {
    assert_eq!((&report["ok"], &report["backend"]), (&true.into(), &"fused".into()), "{report:#}");
    assert!(report["tolerance"].as_str().unwrap().starts_with("here with --backend fused"));
    let losses = report["rows"].as_array().unwrap().iter().find(|row| row["group"] == "losses").unwrap();
    assert!(losses["verdict"].as_str().unwrap().starts_with("within "), "{losses}");
}

/// Whether two backends give one trained model the same score or probability, to four digits.
///
/// The layers' own results are judged in `recurrent`, by a float64 computation: their errors are about 1e-6. A score can be the
/// square of a difference of outputs that is a hundredth of them, whose relative error is 100 times theirs.
///
/// # Panics
/// If they are no numbers.
pub fn same_digits(one: &Value, other: &Value) -> bool {
    (one.as_f64().unwrap() / other.as_f64().unwrap() - 1.0).abs() < 1e-4
}

/// Trains into `out`.
///
/// # Panics
/// If that fails.
pub fn train(lesson: Lesson<'_>, out: &Path, options: &[&str]) {
    let output = lesson(&[options, &["--quiet", "--no-plots", "--out", out.to_str().unwrap()]].concat());
    assert!(output.status.success(), "{options:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The losses of the run in `out`: those of the batches where the lesson records them, otherwise those of the epochs.
///
/// # Panics
/// If they cannot be read.
pub fn losses(out: &Path) -> Vec<f64> {
    let metrics = fs::read_to_string(out.join("metrics.jsonl")).unwrap();
    let of_epoch = |line: &str| -> Vec<f64> {
        let epoch: Value = serde_json::from_str(line).unwrap();
        match &epoch["batch_losses"] {
            Value::Null => vec![epoch["loss"].as_f64().unwrap()],
            batches => serde_json::from_value(batches.clone()).unwrap(),
        }
    };
    metrics.lines().flat_map(of_epoch).collect()
}
