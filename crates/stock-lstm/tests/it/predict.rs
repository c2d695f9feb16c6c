//! `predict`: results and errors.

use std::fmt::Write;
use std::process::{Command, Stdio};

use serde_json::Value;
use test_support::lesson::text;

use crate::BINARY;
use crate::support::{stock_lstm, trained};

#[test]
fn predict_prints_the_next_closes_with_the_dates_of_weekdays() {
    let folder = tempfile::tempdir().unwrap();
    let model = trained(folder.path());
    let output = stock_lstm(&["predict", "--days", "6", "--model", &model]);
    let stdout = text(&output.stdout);
    let lines: Vec<_> = stdout.lines().collect();
    assert_eq!(lines[1], "2013-03-01      806.19  known", "{}", text(&output.stderr));
    let dates: Vec<_> = lines[2..8].iter().map(|line| line.split_whitespace().next().unwrap()).collect();
    // 2013-03-01 was a Friday:
    // .venv/bin/python -c "import numpy as np; print(np.busday_offset('2013-03-01', range(1, 7)))"
    assert_eq!(dates, ["2013-03-04", "2013-03-05", "2013-03-06", "2013-03-07", "2013-03-08", "2013-03-11"]);
    assert!(stdout.contains("errors add up") && stdout.contains("next weekdays"), "{stdout}");

    let output = stock_lstm(&["predict", "--days", "6", "--model", &model, "--json"]);
    let forecast: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&forecast["last"]["close"], &forecast["last"]["date"]), (&806.19.into(), &"2013-03-01".into()));
    let closes = forecast["predicted"].as_array().unwrap();
    assert_eq!((closes.len(), &closes[5]["date"]), (6, &"2013-03-11".into()));
    for (line, close) in lines[2..8].iter().zip(closes) {
        assert!(line.ends_with(&format!("{:.2}", close["close"].as_f64().unwrap())), "{line} {close}");
    }
}

#[test]
fn the_first_predicted_close_is_the_networks_output_for_the_last_window() {
    let folder = tempfile::tempdir().unwrap();
    let model = trained(folder.path());
    // Without its last day, the series ends with the window that `eval` scores last.
    let csv = folder.path().join("short.csv");
    let all = std::fs::read_to_string(test_support::workspace().join("data/goog.csv")).unwrap();
    let short: String =
        all.lines().filter(|line| !line.starts_with("2013-03-01")).fold(String::new(), |mut text, line| {
            let _ = writeln!(text, "{line}");
            text
        });
    std::fs::write(&csv, short).unwrap();
    let output = stock_lstm(&["predict", "--days", "1", "--json", "--model", &model, "--csv", csv.to_str().unwrap()]);
    let forecast: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(forecast["predicted"][0]["date"], "2013-03-01");
    let predicted = forecast["predicted"][0]["close"].as_f64().unwrap();

    use stock_lstm::data::{CLOSE, Dataset, Order, Prices, ScaleOn};
    let prices = Prices::read(&test_support::workspace().join("data/goog.csv"), Order::OldestFirst).unwrap();
    let scaler = ScaleOn::All.fit(&prices).unwrap();
    let data = Dataset::new(&prices, &scaler, tch::Device::Cpu).unwrap();
    let saved = lesson_kit::SavedModel::read(model.as_ref(), &stock_lstm::LESSON).unwrap();
    let network = stock_lstm::model::StockRnn::load(&saved, tch::Device::Cpu).unwrap();
    let scored = stock_lstm::commands::eval::predict(&network, &data).unwrap().get(-1).double_value(&[0]);
    let scored = scaler.inverse(CLOSE, scored);
    // A batch of one and a batch of all windows round differently: by less than 1e-4 of the closes' range of 371
    // dollars.
    assert!((predicted - scored).abs() < 371.0 * 1e-4, "{predicted} and {scored}");
    assert_eq!(forecast["notes"].as_array().unwrap().len(), 1, "no prediction was used as an input: {forecast}");
}

#[test]
fn without_dates_days_are_numbered_and_prices_out_of_range_are_noted() {
    let folder = tempfile::tempdir().unwrap();
    let model = trained(folder.path());
    let csv = folder.path().join("mine.csv");
    let rows: String = (0..7).map(|day| format!("{0},{0},{0},9,{0}\n", 5000 + day)).collect();
    std::fs::write(&csv, rows).unwrap();
    let csv = csv.to_str().unwrap();
    let output = stock_lstm(&["predict", "--csv", csv, "--order", "oldest-first", "--days", "2", "--model", &model]);
    let stdout = text(&output.stdout);
    assert!(stdout.contains("last           5006.00  known\n+1 ") && stdout.contains("\n+2 "), "{stdout}");
    assert!(
        stdout.contains(
            "A close of 5006.00 is outside the range 436.07 to 806.85 of the training data: the network was not"
        ) && !stdout.contains("weekdays"),
        "{stdout}"
    );
}

#[test]
fn a_wrong_number_of_days_a_short_file_and_a_missing_model_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let model = trained(folder.path());
    for wrong in ["0", "-1", "x", "1001"] {
        let output = stock_lstm(&["predict", &format!("--days={wrong}"), "--model", &model]);
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), ""), "{wrong}");
        assert!(text(&output.stderr).contains(wrong), "{}", text(&output.stderr));
    }
    let csv = folder.path().join("few.csv");
    std::fs::write(&csv, "1,2,3,4,5\n".repeat(6)).unwrap();
    let output = stock_lstm(&["predict", "--model", &model, "--csv", csv.to_str().unwrap()]);
    let message = format!("error: --csv {}: too few days: 6; a window has 7\n", csv.display());
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(1), message.as_str()));

    let nowhere = folder.path().join("nowhere.pt");
    let output = stock_lstm(&["predict", "--model", nowhere.to_str().unwrap()]);
    let message = text(&output.stderr);
    assert!(output.status.code() == Some(1) && message.contains("nowhere.pt"), "{message}");
    assert!(message.contains("cargo run -p stock-lstm trains a model"), "{message}");
}

#[test]
fn a_closed_pipe_is_not_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let model = trained(folder.path());
    let mut command = Command::new(&*BINARY);
    command.args(["predict", "--days", "1000", "--model", &model]).current_dir(test_support::workspace());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take()); // closes the pipe, as `| head` does after its last line
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
}

#[test]
fn a_model_whose_sizes_do_not_fit_its_weights_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.pt");
    let empty = tch::Tensor::zeros([0, 20_000], tch::kind::FLOAT_CPU); // an LSTM of this size takes 6.4 GB
    let state_dict: torch_ext::StateDict = [("rnn.weight_hh_l0".to_owned(), empty)].into_iter().collect();
    state_dict.save(&path).unwrap();
    let saved = lesson_kit::SavedModel::read(&path, &stock_lstm::LESSON).unwrap();
    let error = stock_lstm::model::StockRnn::load(&saved, tch::Device::Cpu).unwrap_err().to_string();
    assert!(error.ends_with("has rnn.weight_hh_l0 of shape [0, 20000]; expected (4 * hidden, hidden)"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_fifo_as_prices_or_configuration_is_an_error_without_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let model = trained(folder.path());
    let config = std::path::Path::new(&model).with_file_name("config.json");
    std::fs::write(&config, format!("{{{}}}", " ".repeat(2_000_000))).unwrap();
    let output = stock_lstm(&["predict", "--model", &model]);
    assert!(text(&output.stderr).contains("the file has 2000002 bytes, and at most 1048576 are expected"));
    std::fs::remove_file(&config).unwrap();
    assert!(Command::new("mkfifo").arg(&config).status().unwrap().success());
    let fifo = config.to_str().unwrap();
    for arguments in
        [&["predict", "--model", &model][..], &["predict", "--model", &model, "--csv", fifo], &["--csv", fifo]]
    {
        let output = stock_lstm(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let stderr = text(&output.stderr);
        assert!(stderr.contains(": not a regular file but a FIFO (pipe); "), "{arguments:?}: {stderr}");
    }
}
