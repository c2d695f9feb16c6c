//! The short program `crates/recurrent/examples/stock_lstm.rs` computes the same losses as this lesson.

use std::fs;

use test_support::{seeded, workspace};

use crate::support::stock_lstm;

#[allow(dead_code)] // `main`
#[path = "../../../recurrent/examples/stock_lstm.rs"]
mod program;

#[test]
fn the_example_program_has_the_same_losses() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    assert!(stock_lstm(&["--no-plots", "--epochs", "100", "--out", out]).status.success());
    let metrics = fs::read_to_string(folder.path().join("metrics.jsonl")).unwrap();
    let loss = |line| serde_json::from_str::<serde_json::Value>(line).unwrap()["loss"].as_f64().unwrap() as f32;

    let _guard = seeded(0);
    let losses = program::train(workspace().join("data/goog.csv").to_str().unwrap(), 100).unwrap();
    assert_eq!(losses, metrics.lines().map(loss).collect::<Vec<_>>());
}
