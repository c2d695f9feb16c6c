//! The command line: output, files, and usage errors.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;
use test_support::lesson::{file_names, json_file, text};

use crate::support::text_rnn;

/// Trains into the run folder `out`.
fn train(out: &Path, args: &[&str]) -> Output {
    text_rnn(&[&["--device", "cpu", "--out", out.to_str().unwrap()][..], args].concat())
}

#[test]
fn a_run_writes_its_folder_and_prints_the_slides_lines() {
    let dir = tempfile::tempdir().unwrap();
    let run = train(dir.path(), &[]);
    assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
    let stdout = text(&run.stdout);
    for line in [
        "Epoch: 0100 cost = 0.5",
        "Epoch: 0500 cost = 0.0094",
        "OPTIMIZATION FINISHED",
        "you love  -> milk",
        "next word, %      i   like    dog   love  coffe   hate   milk    you    cat",
        "i like         0.00   0.0",
    ] {
        assert!(stdout.contains(line), "{line:?} is not in:\n{stdout}");
    }
    assert_eq!(
        file_names(dir.path()),
        [
            "best.pt",
            "checkpoint.pt",
            "config.json",
            "loss.png",
            "loss.svg",
            "metrics.jsonl",
            "model.pt",
            "summary.json"
        ]
    );
    let summary = json_file(&dir.path().join("summary.json"));
    assert_eq!((summary["epochs"].as_u64(), summary["seed"].as_i64()), (Some(500), Some(0)));
    assert_eq!(summary["predictions"][3]["predicted"], "cat");
    let perplexity = summary["perplexity"].as_f64().unwrap();
    assert!((1.0..1.02).contains(&perplexity), "{perplexity}");
    assert_eq!(fs::read_to_string(dir.path().join("metrics.jsonl")).unwrap().lines().count(), 500);

    let again = train(dir.path(), &["--epochs", "3"]);
    assert_eq!(again.status.code(), Some(0));
    assert!(text(&again.stderr).contains("replacing the finished run"), "{}", text(&again.stderr));
    assert_eq!(fs::read_to_string(dir.path().join("metrics.jsonl")).unwrap().lines().count(), 3);
}

#[test]
fn json_prints_only_the_summary() {
    let dir = tempfile::tempdir().unwrap();
    let run = train(dir.path(), &["--json", "--epochs", "2"]);
    let summary: Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(summary["epochs"], 2);
    assert_eq!(summary, json_file(&dir.path().join("summary.json")));
}

#[test]
fn a_dry_run_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    assert_eq!(train(&out, &["--dry-run"]).status.code(), Some(0));
    assert!(!out.exists());
}

#[test]
fn help_shows_the_notebooks_values() {
    let help = text_rnn(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    for part in ["--epochs <N>", "[default: 500]", "[default: 0.01]", "[default: models/text-rnn]", "--cuda"] {
        assert!(text(&help.stdout).contains(part), "{part:?} is not in:\n{}", text(&help.stdout));
    }
}

#[test]
fn a_usage_error_exits_with_2_and_a_failure_with_1() {
    let dir = tempfile::tempdir().unwrap();
    for wrong in [["--epochs", "0"], ["--lr", "-1"], ["--device", "tpu"], ["--hidden-size", "0"]] {
        let run = train(dir.path(), &wrong);
        assert_eq!(run.status.code(), Some(2), "{wrong:?}");
        assert!(text(&run.stderr).contains(wrong[1]), "{}", text(&run.stderr));
    }
    let file = dir.path().join("file");
    fs::write(&file, "mine").unwrap();
    let run = train(&file, &["--epochs", "1"]);
    assert_eq!(run.status.code(), Some(1));
    assert!(text(&run.stderr).starts_with("error: "), "{}", text(&run.stderr));
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
}

#[test]
fn an_infinite_loss_stops_the_run_with_advice() {
    let dir = tempfile::tempdir().unwrap();
    let run = train(dir.path(), &["--lr", "1e37"]);
    assert_eq!(run.status.code(), Some(1), "{}", text(&run.stderr));
    assert!(text(&run.stderr).contains("--lr"), "{}", text(&run.stderr));
    assert!(!text(&run.stderr).contains("panic"), "{}", text(&run.stderr));
}

#[test]
fn doctor_prints_libtorch_the_cpu_and_the_device() {
    let output = text_rnn(&["doctor", "--device", "cpu"]);
    let stdout = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for part in ["libtorch        ", "CPU             ", "threads         ", "NVIDIA driver   ", "device          cpu"]
    {
        assert!(stdout.contains(part), "{part:?} is not in:\n{stdout}");
    }
}

#[test]
fn a_run_that_needs_more_memory_than_the_machine_has_is_refused_with_the_estimate() {
    let dir = tempfile::tempdir().unwrap();
    for explain in [&[][..], &["--explain"]] {
        let run = train(dir.path(), &[&["--hidden-size", "1000000", "--num-layers", "256"], explain].concat());
        let message = text(&run.stderr).lines().last().unwrap();
        assert_eq!(run.status.code(), Some(1), "{message}");
        assert!(message.starts_with("error: not enough memory: at least 81"), "{message}");
        assert!(message.ends_with("use a smaller --hidden-size or --num-layers"), "{message}");
    }
}
