//! The short program `crates/recurrent/examples/mnist_gru.rs` computes the same losses as this lesson.

use std::fs;

use test_support::seeded;

use crate::support::{home, mnist_gru};

#[allow(dead_code)] // `main`
#[path = "../../../recurrent/examples/mnist_gru.rs"]
mod program;

#[test]
fn the_example_program_has_the_same_losses() {
    let home = home(350, 50);
    let options = "--device cpu --threads 1 --no-plots --epochs 2 --limit 3 --data data --out run";
    assert!(mnist_gru(home.path(), options).status.success());
    let metrics = fs::read_to_string(home.path().join("run/metrics.jsonl")).unwrap();
    let loss = |line| serde_json::from_str::<serde_json::Value>(line).unwrap()["loss"].as_f64().unwrap() as f32;

    let _guard = seeded(0);
    let losses = program::train(home.path().join("data").to_str().unwrap(), 2, Some(3)).unwrap();
    assert_eq!(losses, metrics.lines().map(loss).collect::<Vec<_>>());
}
