//! The lesson equals its notebook to the bit on MNIST, from the first batch to the test scores.
//!
//! `scripts/setup.sh` downloads MNIST. Without it these tests fail, and the message has the download command.

use std::process::{Command, Stdio};

use lesson_kit::Recording;
use mnist_gru::LESSON;
use mnist_gru::model::MnistNn;
use parity::{Comparison, tolerances};
use serde_json::Value;
use tch::nn::VarStore;
use tch::{Device, Tensor};
use test_support::lesson::{assert_accurate_losses, assert_equal_bits, compare_live, json_file};
use test_support::{seeded, workspace};
use torch_ext::data::ShuffledBatches;

use crate::BINARY;
use crate::float64::Training;

/// With two epochs, the order of batches in the second epoch is compared too.
#[test]
#[ignore = "needs Python's torch: scripts/setup.sh --full, then cargo test python -- --ignored"]
fn all_results_equal_pythons_to_the_bit() {
    for (args, quantities) in [
        (["--seed=0", "--threads=1", "--limit=50", "--epochs=1"], 27),
        (["--seed=41", "--threads=2", "--limit=50", "--epochs=1"], 27),
        (["--seed=7", "--threads=2", "--limit=10", "--epochs=2"], 28),
    ] {
        let report = compare_live(&BINARY, &args);
        assert_equal_bits(&report, quantities);
    }
}

/// The names of initial weights and batch orders that equal the record, or are close to it on another CPU. Nothing is
/// trained, which would take a minute. `extra` random numbers are drawn before the batches are shuffled.
fn recorded(extra: usize) -> Vec<String> {
    let comparison = Comparison::recorded(&LESSON, &workspace().join("notebooks-ref"), &tolerances::MNIST_GRU).unwrap();
    let _guard = seeded(comparison.seed());
    let vs = VarStore::new(Device::Cpu);
    let model = MnistNn::new(&vs.root(), LESSON.defaults.hidden_size, LESSON.defaults.num_layers).unwrap();
    let mut recording = Recording::default();
    for (name, tensor) in model.named_parameters() {
        recording.add("initial weights", &name, &tensor).unwrap();
    }
    for _ in 0..extra {
        torch_ext::rng::draw_i64().unwrap();
    }
    let loader = ShuffledBatches::new(60_000, 100).unwrap();
    for epoch in 1..=2 {
        let batches: Vec<Tensor> = loader.epoch().unwrap().collect();
        recording.add("batch order", &format!("epoch {epoch}"), &Tensor::cat(&batches, 0)).unwrap();
    }
    let rows = comparison.rows(&recording);
    rows.iter().filter(|row| row.ok).map(|row| format!("{}/{}", row.group, row.name)).collect()
}

#[test]
fn initial_weights_and_batch_orders_equal_the_recorded_ones_and_another_shuffle_does_not() {
    let names = recorded(0);
    assert_eq!(names.len(), 12, "{names:?}");
    assert_eq!(names[9..], ["initial weights/fc.bias", "batch order/epoch 1", "batch order/epoch 2"]);
    assert_eq!(recorded(1), names[..10], "only the weights");
}

/// Training amplifies rounding errors, so only the first losses are compared. They are about as exact as the record's
/// on any CPU.
#[test]
fn the_first_losses_are_as_accurate_as_the_recorded_ones() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["--quiet", "--device", "cpu", "--threads", "1", "--limit", "5", "--epochs", "1", "--out"];
    let status =
        Command::new(&*BINARY).args(args).arg(folder.path()).current_dir(workspace()).stdout(Stdio::null()).status();
    assert!(status.unwrap().success());
    let record = json_file(&workspace().join("notebooks-ref/expected/mnist-gru.json"));
    let mut quantities = record["quantities"].as_array().unwrap().iter();
    let recorded = &quantities.find(|it| it["group"] == "losses" && it["name"] == "batch").unwrap()["values"];
    let ours = &json_file(&folder.path().join("metrics.jsonl"))["batch_losses"];
    let first = |losses: &Value| -> Vec<f64> { (0..5).map(|batch| losses[batch].as_f64().unwrap()).collect() };
    let truth = Training::of_mnist().first_losses(5);
    assert_accurate_losses("recorded losses", &truth, &first(recorded), &first(ours));
}
