//! `--scale-on`: the days that the scale is computed from, in training and in later commands.

use serde_json::Value;
use test_support::lesson::text;
use test_support::workspace;

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

    // Without config.json, for example with weights from Python, the scale is not known. A checkpoint contains the options.
    let with_all = score(&["--scale-on", "all"]);
    for broken in [None, Some("{"), Some(r#"{"lesson": "rnn-lm"}"#), Some(r#"{"lesson": "stock-lstm"}"#)] {
        let config = folder.path().join("config.json");
        broken.map_or_else(|| std::fs::remove_file(&config), |text| std::fs::write(&config, text)).unwrap();
        for command in [&["eval", &model][..], &["predict", "--model", &model], &["gates", "--model", &model]] {
            let output = stock_lstm(command);
            let message = text(&output.stderr);
            let expected =
                "model.pt: it is not known how the prices were scaled in training; add --scale-on all, the notebook's";
            assert!(output.status.code() == Some(1) && message.contains(expected), "{message}");
        }
        assert_eq!(score(&["--scale-on", "all"]), with_all);
    }
    let checkpoint = stock_lstm(&["eval", &model.replace("model.pt", "checkpoint.pt"), "--json"]);
    assert_eq!(serde_json::from_slice::<Value>(&checkpoint.stdout).unwrap(), as_trained);
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
fn resume_rejects_changed_prices_unless_they_are_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let csv = folder.path().join("prices.csv");
    let prices = std::fs::read_to_string(workspace().join("data/goog.csv")).unwrap();
    std::fs::write(&csv, &prices).unwrap();
    let out = folder.path().join("run");
    let run = |more: &[&str]| {
        let csv = if more.contains(&"--csv") { &[][..] } else { &["--csv", csv.to_str().unwrap()] };
        stock_lstm(&[&["-q", "--out", out.to_str().unwrap()], csv, more].concat())
    };
    assert!(run(&["--epochs", "3"]).status.success());
    // The same prices can be in another file.
    let other = folder.path().join("other.csv");
    std::fs::write(&other, &prices).unwrap();
    assert!(run(&["--resume", "--epochs", "4", "--csv", other.to_str().unwrap()]).status.success());
    let last = prices.lines().last().unwrap();
    std::fs::write(&csv, prices.replace(last, &last.replace(".", ".1"))).unwrap();
    let changed = run(&["--resume", "--epochs", "6"]);
    let message = text(&changed.stderr);
    let start = "error: --resume: the training data has changed since the run in ";
    assert!(changed.status.code() == Some(2) && message.starts_with(start), "{message}");
    assert!(message.trim_end().ends_with("now; restore the data, or add --allow-changed-data"), "{message}");
    assert!(run(&["--resume", "--allow-changed-data", "--epochs", "6"]).status.success());
    assert!(run(&["--resume", "--epochs", "7"]).status.success(), "the new digest is stored");
    assert_eq!(run(&["--allow-changed-data"]).status.code(), Some(2), "only with --resume");
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
