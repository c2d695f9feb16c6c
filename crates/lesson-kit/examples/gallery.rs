//! One picture of each kind, from made-up numbers, into the folder that is named: to look at when `plot` is changed.

use std::path::PathBuf;

use anyhow::{Context, Result};
use lesson_kit::plot::{self, HeatMap, ImageGrid, Line, LineChart, Tile};

fn main() -> Result<()> {
    let folder = PathBuf::from(std::env::args().nth(1).context("usage: gallery FOLDER")?);
    plot::save(&loss(), &folder.join("loss"))?;
    plot::save(&loss().log_y(), &folder.join("loss-log"))?;
    plot::save(&batches(), &folder.join("batches"))?;
    plot::save(&closes(), &folder.join("closes"))?;
    plot::save(&confusion(), &folder.join("confusion"))?;
    plot::save(&digits(), &folder.join("digits"))
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
        .line(Line::new("epoch mean", vec![(1.0, 0.41), (2.0, 0.09)]))
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

fn digits() -> ImageGrid {
    let ring = |radius: f64| {
        let pixel = |index: i32| {
            let (x, y) = (f64::from(index % 28) - 13.5, f64::from(index / 28) - 13.5);
            (255.0 * (1.0 - (x.hypot(1.3 * y) - radius).abs() / 2.5).max(0.0)) as u8
        };
        (0..784).map(pixel).collect()
    };
    let tile =
        |index: i32| Tile { pixels: ring(5.0 + f64::from(index) / 4.0), caption: format!("{} → {}", index % 10, 0) };
    ImageGrid::new("Wrong digits: true → predicted", 28, 8, (0..21).map(tile).collect())
}
