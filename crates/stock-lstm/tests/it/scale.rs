//! `--scale-on`: the days that the scale is computed from, in training and in later commands.

use serde_json::Value;
use test_support::lesson::text;

use crate::support::{stock_lstm, trained};

#[test]
fn scale_on_train_is_stored_with_the_model_and_an_option_overrides_it() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let trained = stock_lstm(&["--scale-on", "train", "--epochs", "3", "--out", out]);
    let stdout = text(&trained.stdout);
    let line = "Scaled on the 514 training days only, closes 436.07 to 668.28; the notebook scales on all 732 days, \
                closes 436.07 to 806.85, so its training uses the range of the test prices\n";
    assert!(stdout.contains(line), "{stdout}{}", text(&trained.stderr));
    // The naive forecasts in dollars do not depend on the scale.
    assert!(stdout.contains("     85.50      9.25      6.52          -"), "{stdout}");

    // The scale is stored with the model, and an option overrides it.
    let model = format!("{out}/model.pt");
    let score = |args: &[&str]| -> Value {
        let output = stock_lstm(&[&["eval", &model, "--json"], args].concat());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)))
    };
    let summary: Value = serde_json::from_slice(&std::fs::read(folder.path().join("summary.json")).unwrap()).unwrap();
    let as_trained = score(&[]);
    assert_eq!(as_trained["test_mse"], summary["test_mse"]);
    assert_eq!(score(&["--scale-on", "train"]), as_trained);
    assert_ne!(score(&["--scale-on", "all"])["test_mse"], as_trained["test_mse"]);

    // Without config.json, for example with weights from Python, the scale is the notebook's.
    std::fs::remove_file(folder.path().join("config.json")).unwrap();
    assert_eq!(score(&[]), score(&["--scale-on", "all"]));
}

#[test]
fn resume_keeps_the_scale_and_rejects_another() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    assert!(stock_lstm(&["-q", "--scale-on", "train", "--epochs", "3", "--out", out]).status.success());
    let other = stock_lstm(&["-q", "--resume", "--epochs", "6", "--scale-on", "all", "--out", out]);
    assert_eq!(other.status.code(), Some(2));
    assert!(
        text(&other.stderr).contains("scale_on = \"train\", this one would have \"all\""),
        "{}",
        text(&other.stderr)
    );
    let same = stock_lstm(&["-q", "--resume", "--epochs", "6", "--out", out]);
    assert!(text(&same.stdout).contains("Scaled on the 514 training days"), "{}", text(&same.stderr));
}

#[test]
fn too_few_days_are_an_error_with_the_path() {
    let folder = tempfile::tempdir().unwrap();
    let (model, csv) = (trained(folder.path()), folder.path().join("few.csv"));
    let rows: String = (0..8).map(|day| format!("{0},{0},{0},{0},{0}\n", 500 + day)).collect();
    std::fs::write(&csv, rows).unwrap();
    for command in [&["eval", &model][..], &["--explain"], &["--dry-run"]] {
        let output = stock_lstm(&[command, &["--csv", csv.to_str().unwrap()]].concat());
        let message = format!("error: --csv {}: too few days: 8; 9 are needed", csv.display());
        assert_eq!(output.status.code(), Some(1), "{command:?}");
        assert!(text(&output.stderr).starts_with(&message), "{command:?}: {}", text(&output.stderr));
    }
}

#[test]
fn scale_on_contradicts_compare_and_rejects_other_values() {
    let output = stock_lstm(&["compare", "--scale-on", "train"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(text(&output.stderr), "error: --scale-on train: the notebook scales on all days\n");
    assert_eq!(stock_lstm(&["--scale-on", "some"]).status.code(), Some(2));
}
