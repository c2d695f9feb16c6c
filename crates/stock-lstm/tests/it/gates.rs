//! `gates` and `--explain`.

use std::fs;

use serde_json::Value;
use test_support::lesson::text;

use crate::support::{stock_lstm, trained};

#[test]
fn all_gates_of_the_last_window_are_drawn_and_printed_as_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let (model, out) = (trained(folder.path()), folder.path().join("a/new/folder"));
    let output = stock_lstm(&["gates", "--model", &model, "--out", out.to_str().unwrap()]);
    assert_eq!(text(&output.stdout), format!("{0}.png and {0}.svg\n", out.join("gates").display()));
    let svg = fs::read_to_string(out.join("gates.svg")).unwrap();
    for part in [
        "2013-02-21 to 2013-03-01",
        "tanh(W",
        "σ(W",
        "tanh(c",
        "03-01",
        "hidden unit",
        "scaled:",
        "Volume",
        "the gates",
    ] {
        assert!(svg.contains(part), "{part}");
    }
    assert!(fs::read(out.join("gates.png")).unwrap().starts_with(b"\x89PNG"));

    // The numbers satisfy the LSTM's equations, and lead to the close that `predict` prints.
    let gates: Value =
        serde_json::from_slice(&stock_lstm(&["gates", "--json", "--no-plots", "--model", &model]).stdout).unwrap();
    let next: Value = serde_json::from_slice(&stock_lstm(&["predict", "--json", "--model", &model]).stdout).unwrap();
    assert_eq!(gates["predicted_close"], next["predicted"][0]["close"]);
    assert_eq!((&gates["window"], &gates["days"][6]), (&726.into(), &"2013-03-01".into()));
    // The inputs are the scaled prices.
    let x = gates["x"].as_array().unwrap();
    assert_eq!((x.len(), x[6].as_array().unwrap().len()), (7, 5), "seven days, five columns");
    assert!(x.iter().all(|day| day.as_array().unwrap().iter().all(|it| (0.0..=1.0).contains(&it.as_f64().unwrap()))));
    let layer = gates["layers"][0].as_object().unwrap();
    assert_eq!(layer.keys().collect::<Vec<_>>(), ["i", "f", "g", "o", "c", "h"]);
    let value = |gate: &str, day: usize, unit: usize| layer[gate][day][unit].as_f64().unwrap();
    for (day, unit) in (1..7).flat_map(|day| (0..10).map(move |unit| (day, unit))) {
        let [i, f, g, o, c, h] = ["i", "f", "g", "o", "c", "h"].map(|gate| value(gate, day, unit));
        // Each side has the rounding errors of a few operations.
        let rounding = 8.0 * f64::from(f32::EPSILON) * c.abs().max(1.0);
        assert!((c - (f * value("c", day - 1, unit) + i * g)).abs() < rounding, "c, day {day}, unit {unit}");
        assert!((h - o * c.tanh()).abs() < rounding, "h, day {day}, unit {unit}");
    }
}

#[test]
fn each_layer_has_its_own_lines() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    assert!(
        stock_lstm(&["-q", "--epochs", "2", "--num-layers", "2", "--hidden-size", "12", "--out", out]).status.success()
    );
    let output = stock_lstm(&["gates", "--out", out]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let svg = fs::read_to_string(folder.path().join("gates.svg")).unwrap();
    // Twelve units have ten colours.
    for part in ["layer 0: the gates", "layer 1: what they act on", "0, 10, ..", "of layer 0"] {
        assert!(svg.contains(part), "{part}");
    }
}

#[test]
fn the_window_option_selects_a_window() {
    let folder = tempfile::tempdir().unwrap();
    let model = trained(folder.path());
    let window = |number: &str| stock_lstm(&["gates", "--no-plots", "--json", "--window", number, "--model", &model]);
    let first: Value = serde_json::from_slice(&window("1").stdout).unwrap();
    assert_eq!((&first["days"][0], &first["days"][6]), (&"2010-04-06".into(), &"2010-04-14".into()));
    for wrong in ["0", "727"] {
        let output = window(wrong);
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), ""));
        assert_eq!(text(&output.stderr), format!("error: --window {wrong}: the series has windows 1 to 726\n"));
    }
    assert_eq!(window("-1").status.code(), Some(2));
    let output = stock_lstm(&["gates", "--no-plots", "--model", &model]);
    assert!(output.status.code() == Some(2) && text(&output.stderr).contains("add --json to print the numbers"));
    let nowhere = folder.path().join("nowhere.pt");
    let output = stock_lstm(&["gates", "--model", nowhere.to_str().unwrap()]);
    assert!(output.status.code() == Some(1) && text(&output.stderr).contains("cargo run -p stock-lstm trains a model"));
}

#[test]
fn explain_counts_the_parameters_and_trains_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let output = stock_lstm(&["--explain", "--out", out.to_str().unwrap()]);
    let stdout = text(&output.stdout);
    for line in [
        "  c_t = f_t * c_{t-1} + i_t * g_t                      cell; c_0 = 0",
        "  rnn.weight_hh_l0  (40, 10)  400",
        // .venv/bin/python -c "import torch.nn as nn; print(sum(p.numel() for p in nn.LSTM(5, 10).parameters()) + 10 + 1)"
        "  total                       691",
        "  x: windows, days, columns                       (507, 7, 5)",
        "  y: windows, 1                                   (507, 1)",
    ] {
        assert!(stdout.lines().any(|found| found == line), "{line:?} is not in:\n{stdout}{}", text(&output.stderr));
    }
    assert!(output.status.success() && !out.exists());

    let nowhere = folder.path().join("nowhere.csv");
    let output = stock_lstm(&["--explain", "--csv", nowhere.to_str().unwrap()]);
    assert!(output.status.code() == Some(1) && text(&output.stderr).contains("nowhere.csv"));
}
