//! `--backend fused`: the numbers of `exact` to rounding, and the same promises.

use std::fs;
use std::path::Path;
use std::process::Command;

use python_torch::{assert_equal_bits, compare_live, workspace};
use serde_json::Value;

use crate::BINARY;
use crate::support::{stock_lstm, text};

/// Trains with these options into a folder of this name.
fn train(folder: &Path, name: &str, options: &[&str]) -> String {
    let out = folder.join(name).to_str().unwrap().to_owned();
    let always = ["--quiet", "--no-plots", "--out", &out];
    let output = stock_lstm(&[&always, options].concat());
    assert!(output.status.success(), "{}", text(&output.stderr));
    out
}

fn losses(out: &str) -> Vec<f64> {
    let metrics = fs::read_to_string(format!("{out}/metrics.jsonl")).unwrap();
    metrics.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["loss"].as_f64().unwrap()).collect()
}

#[test]
fn every_loss_has_the_digits_of_exact() {
    let folder = tempfile::tempdir().unwrap();
    for seed in ["0", "1"] {
        let [exact, fused] = ["exact", "fused"]
            .map(|backend| losses(&train(folder.path(), backend, &["--backend", backend, "--seed", seed])));
        assert_eq!((exact.len(), fused.len()), (500, 500));
        for (epoch, (exact, fused)) in (1..).zip(exact.iter().zip(&fused)) {
            assert!((fused / exact - 1.0).abs() < 1e-5, "seed {seed}, epoch {epoch}: {exact} and {fused}");
        }
        assert_ne!(exact, fused, "the kernels round otherwise; these ran the same operations");
    }
}

#[test]
fn a_run_that_goes_on_has_the_bits_of_one_that_never_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let whole = train(folder.path(), "whole", &["--backend", "fused", "--epochs", "120"]);
    let parts = train(folder.path(), "parts", &["--backend", "fused", "--epochs", "50"]);
    let output = stock_lstm(&["--resume", "--quiet", "--epochs", "120", "--backend", "exact", "--out", &parts]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("backend = \"fused\", this one would have \"exact\""),
        "{}",
        text(&output.stderr)
    );
    train(folder.path(), "parts", &["--resume", "--epochs", "120"]);
    for name in ["metrics.jsonl", "model.pt", "best.pt"] {
        let [whole, parts] = [&whole, &parts].map(|out| fs::read(format!("{out}/{name}")).unwrap());
        assert!(whole == parts, "{name}");
    }
}

#[test]
fn what_it_trained_is_asked_under_either_backend() {
    let folder = tempfile::tempdir().unwrap();
    let out = train(folder.path(), "fused", &["--backend", "fused"]);
    let file = format!("{out}/model.pt");
    let asked = |arguments: &[&str]| {
        ["exact", "fused"].map(|backend| {
            let output = stock_lstm(&[arguments, &["--json", "--backend", backend]].concat());
            serde_json::from_slice::<Value>(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)))
        })
    };
    let close = |one: &Value, other: &Value| (one.as_f64().unwrap() / other.as_f64().unwrap() - 1.0).abs() < 1e-5;
    let [exact, fused] = asked(&["eval", &file]);
    assert!(close(&exact["test_mse"], &fused["test_mse"]), "{exact} {fused}");
    let [exact, fused] = asked(&["predict", "--days", "3", "--model", &file]);
    for day in 0..3 {
        let [exact, fused] = [&exact, &fused].map(|it| &it["predicted"][day]["close"]);
        assert!(close(exact, fused), "{exact} {fused}");
    }
    for name in ["model.pt", "checkpoint.pt"] {
        let Some(report) = compare_live("stock-lstm", BINARY, &[&format!("--checkpoint={out}/{name}")]) else { return };
        assert_equal_bits(&report, 3); // Python reads it and says what we say
    }
}

#[test]
fn a_comparison_asks_for_digits_and_not_for_bits() {
    let out = tempfile::tempdir().unwrap();
    let args = ["compare", "--backend", "fused", "-q", "--json", "--out", out.path().to_str().unwrap()];
    let output = Command::new(BINARY).args(args).current_dir(workspace()).output().unwrap();
    let recorded: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{recorded}");
    let live = compare_live("stock-lstm", BINARY, &["--backend=fused", "--seed=5", "--threads=2"]);
    for report in live.iter().chain([&recorded]) {
        assert_eq!((&report["ok"], &report["backend"]), (&true.into(), &"fused".into()), "{report:#}");
        assert!(report["tolerance"].as_str().unwrap().starts_with("here with --backend fused"));
        let losses = report["rows"].as_array().unwrap().iter().find(|row| row["group"] == "losses").unwrap();
        assert!(losses["verdict"].as_str().unwrap().starts_with("within 1e-5"), "{losses}");
    }
    if let Some(live) = live {
        assert!(live["rows"].as_array().unwrap().iter().any(|row| row["verdict"] == "within 1e-5 each"));
    }
}
