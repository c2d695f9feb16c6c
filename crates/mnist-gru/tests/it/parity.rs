//! The lesson and the notebook on MNIST itself: the same bits from the first batch to the test's figures.
//!
//! scripts/setup.sh has fetched MNIST; where it is missing, these tests fail and say how to get it.

use std::fs;

use python_torch::{assert_same_bits, notebook, train};
use serde_json::Value;

use crate::BINARY;

/// The second epoch shows that the order of its batches is DataLoader's as well.
#[test]
fn every_batch_every_weight_and_the_test_equal_pytorch_to_the_bit() {
    for (args, batches) in [
        (["--seed", "0", "--threads", "1", "--limit", "50", "--epochs", "1"], 50),
        (["--seed", "41", "--threads", "2", "--limit", "50", "--epochs", "1"], 50),
        (["--seed", "7", "--threads", "2", "--limit", "10", "--epochs", "2"], 20),
    ] {
        let test = format!("mnist-gru {}", args.join(" "));
        let Some(python) = notebook(&test, "mnist_gru.ipynb", &args) else { return };
        let ours = train(BINARY, &args);
        assert_eq!(ours.losses.len(), batches);
        assert_same_bits(&test, &ours, &python.trained);
        for line in python.trained.stdout.lines().filter(|line| line.starts_with("Epoch")) {
            assert!(ours.stdout.contains(line), "{line:?} is not in:\n{}", ours.stdout);
        }
        let summary: Value =
            serde_json::from_slice(&fs::read(ours.folder.path().join("summary.json")).unwrap()).unwrap();
        for figure in ["test_loss", "test_accuracy"] {
            assert_eq!(summary[figure].as_f64().unwrap(), python.quantity("scores", figure)[0], "{test}: {figure}");
        }
        let confusion: Vec<Vec<f64>> = serde_json::from_value(summary["confusion"].clone()).unwrap();
        assert_eq!(confusion.concat(), python.quantity("scores", "confusion"), "{test}: confusion");
    }
}

// .venv/bin/python notebooks-ref/run.py notebooks-ref/mnist_gru.ipynb --seed 0 --limit 5 --epochs 1, on a machine with
// AVX-512: the first and the fifth loss. Another instruction set changes the last bits of each step.
#[test]
fn the_losses_of_seed_zero_are_the_recorded_ones() {
    let losses = train(BINARY, &["--seed", "0", "--threads", "1", "--limit", "5", "--epochs", "1"]).losses;
    assert!((f64::from(losses[0]) - 2.292_863_607).abs() < 1e-5, "{}", losses[0]);
    assert!((f64::from(losses[4]) - 2.273_414_850).abs() < 1e-3, "{}", losses[4]);
}
