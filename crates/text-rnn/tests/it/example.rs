//! The short program `crates/recurrent/examples/text_rnn.rs` computes the same losses as this lesson.

use std::fs;

use test_support::seeded;

use crate::support::text_rnn;

#[allow(dead_code)] // `main`
#[path = "../../../recurrent/examples/text_rnn.rs"]
mod program;

#[test]
fn the_example_program_has_the_same_losses() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    assert!(text_rnn(&["--threads", "1", "--no-plots", "--epochs", "500", "--out", out]).status.success());
    let metrics = fs::read_to_string(folder.path().join("metrics.jsonl")).unwrap();
    let loss = |line| serde_json::from_str::<serde_json::Value>(line).unwrap()["loss"].as_f64().unwrap() as f32;

    let _guard = seeded(0);
    let losses = program::train(500).unwrap();
    assert_eq!(losses, metrics.lines().map(loss).collect::<Vec<_>>());
}
