//! Draws one picture of each kind, from made-up numbers, into the given folder. Look at them after a change in `plot`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use lesson_kit::plot::{self, GateMap, GateMaps, HeatMap, ImageGrid, Line, LineChart, Scale, Stack, Tile};

fn main() -> Result<()> {
    let folder = PathBuf::from(std::env::args().nth(1).context("usage: gallery FOLDER")?);
    plot::save(&loss(), &folder.join("loss"))?;
    plot::save(&loss().log_y(), &folder.join("loss-log"))?;
    plot::save(&batches(), &folder.join("batches"))?;
    plot::save(&closes(), &folder.join("closes"))?;
    plot::save(&confusion(), &folder.join("confusion"))?;
    plot::save(&digits(), &folder.join("digits"))?;
    plot::save(&Stack(vec![loss().height(300), small().height(240)]), &folder.join("stack"))?;
    plot::save(&words(), &folder.join("gates-words"))?;
    plot::save(&days(), &folder.join("gates-days"))?;
    plot::save(&rows(), &folder.join("gates-rows"))
}

fn small() -> LineChart {
    let point = |epoch: i32| (f64::from(epoch), 1e-7 * (f64::from(epoch) / 40.0).sin());
    LineChart::new("here minus notebook", "epoch", "difference")
        .line(Line::new("difference", (1..=500).map(point).collect()))
}

/// Waves of `reach` over `steps` and `units`, about `middle`.
fn waves(steps: usize, units: usize, middle: f64, reach: f64) -> Vec<Vec<f32>> {
    let value = |step: usize, unit: usize| {
        let (step, unit) = (step as f64, unit as f64);
        (middle + reach * (step / 3.0 + unit * unit).sin() * (unit * 0.7).cos()) as f32
    };
    (0..steps).map(|step| (0..units).map(|unit| value(step, unit)).collect()).collect()
}

fn words() -> GateMaps {
    let h =
        GateMap::new("h_t = tanh(W_ih x_t + b_ih + W_hh h_{t\u{2212}1} + b_hh)", Scale::Tanh, waves(2, 5, 0.0, 1.0));
    GateMaps::new("text-rnn: i like \u{2192} dog", "word", vec!["i".into(), "like".into()]).column("", vec![h])
}

fn days() -> GateMaps {
    let gate = |formula: &str| GateMap::new(formula, Scale::Sigmoid, waves(7, 10, 0.5, 0.5));
    let maps = vec![
        gate("i_t = σ(W_ii x_t + b_ii + W_hi h_{t\u{2212}1} + b_hi)"),
        GateMap::new("c_t = f_t * c_{t\u{2212}1} + i_t * g_t", Scale::Unbounded, waves(7, 10, 0.0, 3.3)),
        GateMap::new("h_t = o_t * tanh(c_t)", Scale::Tanh, waves(7, 10, 0.0, 1.0)),
    ];
    let names = (20..27).map(|day| format!("2013-02-{day}")).collect();
    GateMaps::new("stock-lstm: seven days", "trading day", names).column("", maps)
}

fn rows() -> GateMaps {
    let maps = || {
        vec![
            GateMap::new(
                "r_t = σ(W_ir x_t + b_ir + W_hr h_{t\u{2212}1} + b_hr)",
                Scale::Sigmoid,
                waves(28, 128, 0.5, 0.5),
            ),
            GateMap::new("h_t = (1 \u{2212} z_t) * n_t + z_t * h_{t\u{2212}1}", Scale::Tanh, waves(28, 128, 0.0, 1.0)),
        ]
    };
    GateMaps::new("mnist-gru: a ring", "row of the image", (0..28).map(|row| row.to_string()).collect())
        .column("layer 0", maps())
        .column("layer 1", maps())
        .image(28, Tile { pixels: ring(8.0), caption: "a made-up digit\npredicted 0".to_owned() })
}

fn loss() -> LineChart {
    let point = |epoch: u32| (f64::from(epoch), 2.2 * (-f64::from(epoch) / 70.0).exp() + 0.009);
    LineChart::new("text-rnn: training loss", "epoch", "loss").line(Line::new("loss", (1..=500).map(point).collect()))
}

fn batches() -> LineChart {
    let batch = |index: i32| {
        let x = f64::from(index) / 600.0;
        (x, 0.08 + 2.2 * (-6.0 * x).exp() + 0.05 * (f64::from(index) * 1.7).sin() * (f64::from(index) * 0.13).cos())
    };
    LineChart::new("mnist-gru: training loss", "epoch", "loss")
        .line(Line::new("batch", (1..=1200).map(batch).collect()).pale())
        .line(Line::steps("epoch mean", [(0.0..1.0, 0.41), (1.0..2.0, 0.09)]))
}

fn closes() -> LineChart {
    let close = |day: i32| 620.0 + 0.6 * f64::from(day) + 25.0 * (f64::from(day) / 17.0).sin();
    let line = |lag: i32| (0..218).map(|day| (f64::from(day), close(day - lag))).collect();
    LineChart::new("stock-lstm: closing price, test days", "trading day", "US dollars")
        .line(Line::new("true", line(0)))
        .line(Line::new("predicted", line(6)))
}

fn confusion() -> HeatMap {
    let count = |row: i64, column: i64| match (row - column).abs() {
        0 => 980 - 7 * row,
        4 => 3 + row,
        distance if distance % 3 == 0 => 1,
        _ => 0,
    };
    let counts = (0..10).map(|row| (0..10).map(|column| count(row, column)).collect()).collect();
    HeatMap::new("mnist-gru: test digits", (0..10).map(|digit| digit.to_string()).collect(), counts)
}

fn ring(radius: f64) -> Vec<u8> {
    let pixel = |index: i32| {
        let (x, y) = (f64::from(index % 28) - 13.5, f64::from(index / 28) - 13.5);
        (255.0 * (1.0 - (x.hypot(1.3 * y) - radius).abs() / 2.5).max(0.0)) as u8
    };
    (0..784).map(pixel).collect()
}

fn digits() -> ImageGrid {
    let tile =
        |index: i32| Tile { pixels: ring(5.0 + f64::from(index) / 4.0), caption: format!("{} → {}", index % 10, 0) };
    ImageGrid::new("Wrong digits: true → predicted", 28, 8, (0..21).map(tile).collect())
}
