//! `--backend fused`.

use std::fs;

use serde_json::Value;

use super::accuracy::assert_accurate_losses;
use super::training::{Lesson, losses, train};

/// Asserts that the losses of a fused run are about as exact as those of an exact run ([`assert_accurate_losses`]), and that
/// some differ: if all were equal, both runs would have computed the same operations.
///
/// # Panics
/// If not.
pub fn assert_accurate_fused_losses(lesson: Lesson<'_>, options: &[&str], truth: &[f64]) {
    let folder = tempfile::tempdir().unwrap();
    let [exact, fused] = ["exact", "fused"].map(|backend| {
        let out = folder.path().join(backend);
        train(lesson, &out, &[options, &["--backend", backend]].concat());
        losses(&out)
    });
    assert_accurate_losses(&format!("{options:?}"), truth, &exact, &fused);
    assert_ne!(exact, fused, "{options:?}");
}

/// Asserts that a fused run of `first` epochs, resumed to `all`, leaves the same files as an uninterrupted run, and that
/// `--resume` rejects the other backend.
///
/// # Panics
/// If not.
pub fn assert_exact_resume(lesson: Lesson<'_>, options: &[&str], first: &str, all: &str) {
    let folder = tempfile::tempdir().unwrap();
    let [whole, parts] = ["whole", "parts"].map(|name| folder.path().join(name));
    train(lesson, &whole, &[options, &["--backend", "fused", "--epochs", all]].concat());
    train(lesson, &parts, &[options, &["--backend", "fused", "--epochs", first]].concat());

    let out = parts.to_str().unwrap();
    let rejected = lesson(&["--resume", "--quiet", "--epochs", all, "--backend", "exact", "--out", out]);
    let message = String::from_utf8_lossy(&rejected.stderr);
    assert_eq!(rejected.status.code(), Some(2), "{message}");
    assert!(message.contains("backend = \"fused\", this one would have \"exact\""), "{message}");

    train(lesson, &parts, &["--resume", "--epochs", all]);
    for name in ["metrics.jsonl", "model.pt", "best.pt"] {
        let [whole, parts] = [&whole, &parts].map(|out| fs::read(out.join(name)).unwrap());
        assert!(whole == parts, "{name}");
    }
}

/// Whether two backends give the same score or probability for one trained model, to four digits.
///
/// The tests of `recurrent` judge the layers' results, whose errors are about 1e-6. A score can be the square of a difference
/// of outputs. If the difference is a hundredth of the outputs, its relative error is 100 times theirs.
///
/// # Panics
/// If one of them is not a number.
pub fn equal_to_four_digits(one: &Value, other: &Value) -> bool {
    (one.as_f64().unwrap() / other.as_f64().unwrap() - 1.0).abs() < 1e-4
}
