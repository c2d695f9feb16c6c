//! `--backend fused`: equal to `exact` up to rounding, with the same guarantees for resume and compare.

use serde_json::Value;
use test_support::lesson::{
    assert_accurate_fused_losses, assert_compared_with_tolerance, assert_equal_bits, assert_exact_resume, compare,
    compare_live, equal_to_four_digits, text,
};

use crate::support::stock_lstm;
use crate::{BINARY, float64};

#[test]
fn fused_losses_are_as_accurate_as_exact_ones() {
    for seed in [0, 1] {
        assert_accurate_fused_losses(&stock_lstm, &["--seed", &seed.to_string()], &float64::losses(seed));
    }
}

#[test]
fn a_resumed_run_has_the_same_bits_as_an_uninterrupted_one() {
    assert_exact_resume(&stock_lstm, &[], "50", "120");
}

#[test]
fn both_backends_give_the_same_results_for_a_fused_model() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    assert!(stock_lstm(&["--quiet", "--backend", "fused", "--out", out]).status.success());
    let file = format!("{out}/model.pt");
    let with_both_backends = |arguments: &[&str]| {
        ["exact", "fused"].map(|backend| {
            let output = stock_lstm(&[arguments, &["--json", "--backend", backend]].concat());
            serde_json::from_slice::<Value>(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)))
        })
    };
    let [exact, fused] = with_both_backends(&["eval", &file]);
    assert!(equal_to_four_digits(&exact["test_mse"], &fused["test_mse"]), "{exact} {fused}");
    let [exact, fused] = with_both_backends(&["predict", "--days", "3", "--model", &file]);
    for day in 0..3 {
        let [exact, fused] = [&exact, &fused].map(|it| &it["predicted"][day]["close"]);
        assert!(equal_to_four_digits(exact, fused), "{exact} {fused}");
    }
}

#[test]
#[ignore = "needs Python's torch: scripts/setup.sh --full, then cargo test python -- --ignored"]
fn python_gives_a_fused_model_the_same_scores() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    assert!(stock_lstm(&["--quiet", "--backend", "fused", "--out", out]).status.success());
    for name in ["model.pt", "checkpoint.pt"] {
        let report = compare_live(&BINARY, &[&format!("--checkpoint={out}/{name}")]);
        assert_equal_bits(&report, 3);
    }
}

#[test]
fn a_recorded_comparison_uses_a_tolerance() {
    assert_compared_with_tolerance(&compare(&BINARY, &["--backend", "fused"]));
}

#[test]
#[ignore = "needs Python's torch: scripts/setup.sh --full, then cargo test python -- --ignored"]
fn a_live_comparison_with_python_uses_a_tolerance() {
    let live = compare_live(&BINARY, &["--backend=fused", "--seed=5", "--threads=2"]);
    assert_compared_with_tolerance(&live);
    let each = |row: &Value| row["verdict"].as_str().unwrap().ends_with(" each");
    assert!(live["rows"].as_array().unwrap().iter().any(each), "{live:#}");
}
