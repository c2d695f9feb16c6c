//! `--backend fused`: equal to `exact` up to rounding, with the same guarantees for resume and compare.

use std::process::Output;

use serde_json::Value;
use test_support::lesson::{
    assert_accurate_fused_losses, assert_compared_with_tolerance, assert_equal_bits, assert_exact_resume, compare,
    compare_live, equal_to_four_digits, text,
};

use crate::support::text_rnn;
use crate::{BINARY, float64};

/// Runs the lesson on one thread, because tests run in parallel.
fn one_thread(options: &[&str]) -> Output {
    text_rnn(&[options, &["--threads", "1"]].concat())
}

#[test]
fn fused_losses_are_as_accurate_as_exact_ones() {
    for seed in [0, 1] {
        assert_accurate_fused_losses(&one_thread, &["--seed", &seed.to_string()], &float64::losses(seed));
    }
}

#[test]
fn a_resumed_run_has_the_same_bits_as_an_uninterrupted_one() {
    assert_exact_resume(&one_thread, &[], "50", "120");
}

#[test]
fn both_backends_give_the_same_results_for_a_fused_model() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    assert!(one_thread(&["--quiet", "--backend", "fused", "--out", out]).status.success());
    let file = format!("{out}/model.pt");
    let with_both_backends = |arguments: &[&str]| {
        ["exact", "fused"].map(|backend| {
            let output = one_thread(&[arguments, &["--json", "--backend", backend]].concat());
            serde_json::from_slice::<Value>(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)))
        })
    };
    let [exact, fused] = with_both_backends(&["eval", &file]);
    assert_eq!(exact["predictions"], fused["predictions"]);
    assert!(equal_to_four_digits(&exact["perplexity"], &fused["perplexity"]), "{exact} {fused}");
    let [exact, fused] = with_both_backends(&["predict", "you love", "--model", &file]);
    assert_eq!((&exact["predicted"], &fused["predicted"]), (&"milk".into(), &"milk".into()));
}

#[test]
#[ignore = "needs Python's torch: scripts/setup.sh --full, then cargo test python -- --ignored"]
fn python_gives_a_fused_model_the_same_scores() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    assert!(one_thread(&["--quiet", "--backend", "fused", "--out", out]).status.success());
    for name in ["model.pt", "checkpoint.pt"] {
        let report = compare_live(&BINARY, &[&format!("--checkpoint={out}/{name}")]);
        assert_equal_bits(&report, 4);
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

#[test]
fn help_lists_the_backend_option_and_cuda_contradicts_fused() {
    for command in [&["--help"][..], &["eval", "--help"], &["predict", "--help"]] {
        let help = text_rnn(command);
        assert!(text(&help.stdout).contains("--backend <BACKEND>"), "{command:?}: {}", text(&help.stdout));
    }
    for command in [&["--cuda", "--backend", "fused"][..], &["predict", "i like", "--cuda", "--backend", "fused"]] {
        let output = text_rnn(command);
        let message = "--backend fused computes on the CPU and contradicts --cuda; use --device cpu or --backend exact";
        assert!(output.status.code() == Some(2) && text(&output.stderr).contains(message), "{}", text(&output.stderr));
    }
    let explained = text_rnn(&["--explain", "--backend", "fused"]);
    assert!(text(&explained.stdout).contains("\nbackend fused: "), "{}", text(&explained.stderr));
}
