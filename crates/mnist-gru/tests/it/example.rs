//! The short program `crates/recurrent/examples/mnist_gru.rs` computes the same losses as this lesson.

use std::fs;
use std::process::Command;

use crate::BINARY;
use crate::support::{seeded, write_mnist};

#[allow(dead_code)] // `main`
#[path = "../../../recurrent/examples/mnist_gru.rs"]
mod example;

#[test]
fn the_example_program_has_the_same_losses() {
    let folder = tempfile::tempdir().unwrap();
    write_mnist(folder.path(), 350, 50);
    let data = folder.path().to_str().unwrap();
    let run = Command::new(&*BINARY)
        .args(["--device", "cpu", "--threads", "1", "--no-plots", "--epochs", "2", "--limit", "3", "--data", data])
        .arg("--out")
        .arg(folder.path().join("run"))
        .output();
    assert!(run.unwrap().status.success());
    let metrics = fs::read_to_string(folder.path().join("run/metrics.jsonl")).unwrap();
    let loss = |line| serde_json::from_str::<serde_json::Value>(line).unwrap()["loss"].as_f64().unwrap() as f32;

    let _turn = seeded(0);
    let losses = example::train(data, 2, Some(3)).unwrap();
    assert_eq!(losses, metrics.lines().map(loss).collect::<Vec<_>>());
}
