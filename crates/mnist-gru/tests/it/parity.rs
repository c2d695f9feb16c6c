//! The lesson and the notebook's program on MNIST itself: the same bits from the first batch to the test's figures.
//!
//! scripts/setup.sh has fetched MNIST; where it is missing, these tests fail and say how to get it.

use std::fs;

use python_torch::{Trained, assert_same_bits, program, train};
use serde_json::Value;

use crate::BINARY;

fn json_file(trained: &Trained, name: &str) -> Value {
    serde_json::from_slice(&fs::read(trained.folder.path().join(name)).unwrap()).unwrap()
}

/// The second epoch shows that the order of its batches is DataLoader's as well.
#[test]
fn every_batch_every_weight_and_the_test_equal_pytorch_to_the_bit() {
    for (args, batches) in [
        (["--seed", "0", "--threads", "1", "--limit", "50", "--epochs", "1"], 50),
        (["--seed", "41", "--threads", "2", "--limit", "50", "--epochs", "1"], 50),
        (["--seed", "7", "--threads", "2", "--limit", "10", "--epochs", "2"], 20),
    ] {
        let test = format!("mnist-gru {}", args.join(" "));
        let Some(python) = program(&test, "mnist_gru.py", &args) else { return };
        let ours = train(BINARY, &args);
        assert_eq!(ours.losses.len(), batches);
        assert_same_bits(&test, &ours, &python);
        for line in python.stdout.lines().filter(|line| line.starts_with("Epoch")) {
            assert!(ours.stdout.contains(line), "{line:?} is not in:\n{}", ours.stdout);
        }
        let (summary, reference) = (json_file(&ours, "summary.json"), json_file(&python, "reference.json"));
        for figure in ["test_loss", "test_accuracy", "confusion"] {
            assert_eq!(summary[figure], reference[figure], "{test}: {figure}");
        }
    }
}

// .venv/bin/python notebooks-ref/mnist_gru.py --seed 0 --limit 5 --epochs 1, on a machine with AVX-512: the first and the
// fifth loss. Another instruction set changes the last bits of each step.
#[test]
fn the_losses_of_seed_zero_are_the_recorded_ones() {
    let losses = train(BINARY, &["--seed", "0", "--threads", "1", "--limit", "5", "--epochs", "1"]).losses;
    assert!((f64::from(losses[0]) - 2.292_863_607).abs() < 1e-5, "{}", losses[0]);
    assert!((f64::from(losses[4]) - 2.273_414_850).abs() < 1e-3, "{}", losses[4]);
}
