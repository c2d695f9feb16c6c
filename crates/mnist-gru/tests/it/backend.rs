//! `--backend fused`: equal to `exact` up to rounding, with the same guarantees for resume and compare.

use std::path::Path;
use std::process::Output;

use serde_json::Value;
use test_support::lesson::{
    assert_accurate_fused_losses, assert_exact_resume, compare_live, equal_to_four_digits, text,
};
use test_support::workspace;

use crate::BINARY;
use crate::float64::Training;
use crate::support::{home, mnist_gru};

/// Runs the lesson on one thread, because tests run in parallel.
fn one_thread(home: &Path, options: &str) -> Output {
    mnist_gru(home, &format!("{options} --quiet --device cpu --threads 1"))
}

fn assert_success(output: &Output) {
    assert!(output.status.success(), "{}", text(&output.stderr));
}

/// On the real MNIST, with the notebook's sizes.
#[test]
fn the_first_fused_losses_are_as_accurate_as_exact_ones() {
    let lesson = |options: &[&str]| one_thread(&workspace(), &options.join(" "));
    assert_accurate_fused_losses(&lesson, &["--limit", "20", "--epochs", "1"], &Training::of_mnist().first_losses(20));
}

#[test]
fn a_resumed_run_has_the_same_bits_as_an_uninterrupted_one() {
    let home = home(230, 50);
    let lesson = |options: &[&str]| one_thread(home.path(), &format!("--data data {}", options.join(" ")));
    assert_exact_resume(&lesson, &["--hidden-size", "17"], "1", "3");
}

#[test]
fn both_backends_give_the_same_results_for_a_fused_model() {
    let home = home(230, 50);
    assert_success(&one_thread(home.path(), "--data data --backend fused --hidden-size 17 --epochs 1 --out run"));
    let with_both_backends = |arguments: &str| {
        ["exact", "fused"].map(|backend| {
            let output = one_thread(home.path(), &format!("{arguments} --data data --json --backend {backend}"));
            assert_success(&output);
            serde_json::from_slice::<Value>(&output.stdout).unwrap()
        })
    };
    let [exact, fused] = with_both_backends("eval run/model.pt");
    assert!(equal_to_four_digits(&exact["test_loss"], &fused["test_loss"]), "{exact} {fused}");
    // Rounding decides between two digits with equal probabilities, so one of the 50 predictions may differ.
    let counts = |scores: &Value| -> Vec<Vec<i64>> { serde_json::from_value(scores["confusion"].clone()).unwrap() };
    let (exact, fused) = (counts(&exact).concat(), counts(&fused).concat());
    assert!(exact.iter().zip(&fused).map(|(a, b)| (a - b).abs()).sum::<i64>() <= 2, "{exact:?} {fused:?}");
    let [exact, fused] = with_both_backends("predict --index 7 --model run/model.pt");
    assert_eq!(exact["predicted"], fused["predicted"]);
    assert!((0..10).all(|digit| equal_to_four_digits(&exact["probabilities"][digit], &fused["probabilities"][digit])));
}

/// The comparison uses all test digits of MNIST.
#[test]
#[ignore = "needs Python's torch: scripts/setup.sh --full, then cargo test python -- --ignored"]
fn a_live_comparison_with_python_uses_a_tolerance_for_the_first_losses() {
    let options = ["--backend=fused", "--seed=3", "--limit=25", "--epochs=1"];
    let report = compare_live(&BINARY, &options);
    assert_eq!((&report["ok"], &report["backend"]), (&true.into(), &"fused".into()), "{report:#}");
    let verdict = |group: &str, name: &str| {
        let mut rows = report["rows"].as_array().unwrap().iter();
        rows.find(|row| row["group"] == group && row["name"] == name).unwrap()["verdict"].as_str().unwrap().to_owned()
    };
    assert_eq!(verdict("batch order", "epoch 1"), "equal");
    let losses = verdict("losses", "batch");
    assert!(losses.starts_with("within ") && losses.contains("the first 20 within"), "{losses}");
    assert_eq!(verdict("final weights", "fc.weight"), "not comparable between backends");
}
