//! The command line: output, files, and usage errors.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use test_support::lesson::{file_names, json_file, text};
use test_support::workspace;

use crate::BINARY;
use crate::support::stock_lstm;

/// Trains into the run folder `out`.
fn train(out: &Path, args: &[&str]) -> Output {
    stock_lstm(&[args, &["--out", out.to_str().unwrap()]].concat())
}

#[test]
fn a_run_writes_its_folder_and_prints_the_slides_lines() {
    let dir = tempfile::tempdir().unwrap();
    let run = train(dir.path(), &["--epochs", "200"]);
    assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
    let stdout = text(&run.stdout);
    for line in [
        "SHAPE OF [trainX] is torch.Size([507, 7, 5])",
        "SHAPE OF [testY] is torch.Size([218, 1])",
        "Epoch: 0100 Loss = 0.001",
        "OPTIMIZATION FINISHED",
        "SHAPE OF [test_predict] is torch.Size([218, 1])",
        // src/commands/eval.rs has the NumPy code for these. Naive forecasts do not depend on the seed.
        "yesterday's close         0.000622  0.024939  0.017577     85.50      9.25      6.52          -",
        "yesterday's change again  0.001203  0.034679  0.025644    165.33     12.86      9.51     49.5 %",
        "The LSTM's RMSE is ",
        "The close rose on 54.1 % of the test days",
    ] {
        assert!(stdout.contains(line), "{line:?} is not in:\n{stdout}");
    }
    let pictures = ["loss.png", "loss.svg", "metrics.jsonl", "model.pt", "predictions.png", "predictions.svg"];
    assert_eq!(
        file_names(dir.path()),
        [&["best.pt", "checkpoint.pt", "config.json"], &pictures[..], &["summary.json"]].concat()
    );
    let svg = fs::read_to_string(dir.path().join("predictions.svg")).unwrap();
    for part in ["yesterday", "predicted", "2012-05", "2013-01-03", "the last 40 days"] {
        assert!(svg.contains(part), "{part:?} is not in predictions.svg");
    }
    assert_eq!(fs::read_to_string(dir.path().join("metrics.jsonl")).unwrap().lines().count(), 200);
    let config = json_file(&dir.path().join("config.json"));
    assert_eq!((&config["csv"], &config["order"]), (&"data/goog.csv".into(), &"newest-first".into()));
    assert_eq!((&config["scale_on"], &config["scaler"]["max"][4]), (&"all".into(), &806.85.into()));
}

#[test]
fn the_summary_has_all_scores_in_both_units() {
    let dir = tempfile::tempdir().unwrap();
    let run = train(dir.path(), &["--json", "--epochs", "2"]);
    let summary: Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(summary, json_file(&dir.path().join("summary.json")));
    assert_eq!((summary["train_windows"].as_i64(), summary["test_windows"].as_i64()), (Some(507), Some(218)));
    let figure = |key: &str| summary[key].as_f64().unwrap_or_else(|| panic!("{key} is not in {summary}"));
    let range = 370.78; // of the closes, in dollars: np.ptp(load_prices()[:, 4])
    for forecast in ["test", "persistence", "trend"] {
        let [mse, rmse, mse_dollars, rmse_dollars] =
            ["mse", "rmse", "mse_squared_dollars", "rmse_dollars"].map(|key| figure(&format!("{forecast}_{key}")));
        for (one, other) in
            [(rmse * rmse, mse), (rmse * range, rmse_dollars), (rmse_dollars * rmse_dollars, mse_dollars)]
        {
            assert!((one / other - 1.0).abs() < 1e-8, "{forecast}: {one} and {other}");
        }
        assert!(
            (figure(&format!("{forecast}_mae")) * range / figure(&format!("{forecast}_mae_dollars")) - 1.0).abs()
                < 1e-8
        );
    }
    assert!((0.0..=1.0).contains(&figure("test_direction_accuracy")));
    assert_eq!(summary["persistence_direction_accuracy"], Value::Null);
}

#[test]
fn the_csv_option_trains_on_another_file_in_the_given_order() {
    let dir = tempfile::tempdir().unwrap();
    let csv = dir.path().join("mine.csv");
    let rows: String = (0..60).map(|n| format!("{},{},{},{},{}\n", n, n + 2, n - 1, 7 * n % 13, n * n)).collect();
    fs::write(&csv, rows).unwrap();
    let persistence = |order: &str| {
        let run = train(
            &dir.path().join("run"),
            &["--csv", csv.to_str().unwrap(), "--order", order, "--epochs", "2", "--json"],
        );
        assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
        let summary: Value = serde_json::from_slice(&run.stdout).unwrap();
        assert_eq!((summary["train_windows"].as_i64(), summary["test_windows"].as_i64()), (Some(37), Some(16)));
        let svg = fs::read_to_string(dir.path().join("run/predictions.svg")).unwrap();
        assert!(svg.contains("test day"), "the days of a file without dates have numbers");
        summary["persistence_mse"].as_f64().unwrap()
    };
    // The test part is the end of the series. The closes are n^2, so their steps are large there, and small if time is
    // reversed.
    assert!(persistence("oldest-first") > 5.0 * persistence("newest-first"));
}

#[test]
fn an_error_in_a_price_file_has_its_path_line_and_column() {
    let dir = tempfile::tempdir().unwrap();
    let csv = dir.path().join("bad.csv");
    let out = dir.path().join("run");
    let run = || train(&out, &["--csv", csv.to_str().unwrap()]);
    let missing = run();
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing.stderr).contains("the default, data/goog.csv, is in"), "{}", text(&missing.stderr));
    fs::write(&csv, "# mine\nDate,Open,High,Low,Volume,Close\n2013-01-02,1,2,3,many,5\n").unwrap();
    let bad = run();
    assert_eq!(bad.status.code(), Some(1));
    let message = format!("error: --csv {}: line 3: column 5 (Volume): \"many\" is not a number\n", csv.display());
    assert_eq!(text(&bad.stderr), message);
    assert!(!out.exists(), "a run that cannot start writes nothing");
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
    let help = stock_lstm(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    for part in [
        "--epochs <N>",
        "[default: 500]",
        "[default: 0.01]",
        "[default: 10]",
        "[default: models/stock-lstm]",
        "--cuda",
        "--csv <FILE>",
        "[default: data/goog.csv]",
        "[default: newest-first]",
    ] {
        assert!(text(&help.stdout).contains(part), "{part:?} is not in:\n{}", text(&help.stdout));
    }
}

#[test]
fn missing_cuda_is_an_error_with_advice_before_training() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(&*BINARY);
    command.arg("--cuda").arg("--out").arg(dir.path()).env("CUDA_VISIBLE_DEVICES", "").current_dir(workspace());
    let run = command.output().unwrap();
    let message = text(&run.stderr);
    assert_eq!((run.status.code(), text(&run.stdout)), (Some(1), ""), "{message}");
    assert!(message.starts_with("error: --device cuda:0: no ") && message.contains("\nwhat to do "), "{message}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_usage_error_exits_with_2() {
    let dir = tempfile::tempdir().unwrap();
    for wrong in [["--epochs", "0"], ["--lr", "-1"], ["--order", "backwards"], ["--hidden-size", "0"]] {
        let run = train(dir.path(), &wrong);
        assert_eq!(run.status.code(), Some(2), "{wrong:?}");
        assert!(text(&run.stderr).contains(wrong[1]), "{}", text(&run.stderr));
    }
}
