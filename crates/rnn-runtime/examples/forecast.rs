//! Lesson 2 without libtorch: the next closing prices, by the model that `cargo run -p stock-lstm` trains.
//!
//! `cargo run --release -p rnn-runtime --example forecast -- models/stock-lstm data/goog.csv 5`

use std::error::Error;
use std::path::Path;

use rnn_runtime::ndarray::{Array1, Array2, ArrayView2, Axis};
use rnn_runtime::{Lstm, Options, StateDict};
use serde_json::{Value, from_str};

const DAYS: usize = 7; // the network reads a week
const CLOSE: usize = 4;

/// Open, High, Low, Volume and Close of a day.
pub type Row = [f64; 5];

/// The closes after `rows`, the oldest day first. `min` and `max` are the smallest and largest values of the training.
pub fn forecast(
    weights: &StateDict,
    [min, max]: [Row; 2],
    rows: &[Row],
    days: usize,
) -> Result<Vec<f64>, Box<dyn Error>> {
    let lstm = Lstm::from_state_dict(&weights.prefix("rnn"), Options::default())?;
    let (w, b): (Array2<f32>, Array1<f32>) = (weights.array("W")?, weights.array("b")?);
    let span = |column: usize| max[column] - min[column] + 1e-7;
    let scale = |row: &Row| std::array::from_fn(|column| ((row[column] - min[column]) / span(column)) as f32);
    let mut scaled: Vec<[f32; 5]> = rows.iter().map(scale).collect();
    let mut closes = Vec::new();
    for _ in 0..days {
        let window = scaled.last_chunk::<DAYS>().ok_or("a forecast needs seven days")?;
        let (output, _state) = lstm.forward(ArrayView2::from(window), None)?;
        let close = (output.index_axis(Axis(0), DAYS - 1).dot(&w) + &b)[0];
        closes.push(f64::from(close) * span(CLOSE) + min[CLOSE]);
        let mut next = window[DAYS - 1]; // the other columns keep their last values
        next[CLOSE] = close;
        scaled.push(next);
    }
    Ok(closes)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, csv, days] = &arguments[..] else { return Err("usage: forecast RUN_FOLDER PRICES.csv DAYS".into()) };
    let config: Value = from_str(&std::fs::read_to_string(Path::new(folder).join("config.json"))?)?;
    let row = |name: &str| serde_json::from_value::<Row>(config["scaler"][name].clone());
    let text = std::fs::read_to_string(csv)?;
    let lines = text.lines().filter(|line| line.starts_with(|first: char| first.is_ascii_digit()));
    let mut rows = Vec::new(); // Date,Open,High,Low,Volume,Close, the newest day first
    for line in lines {
        let cells = line.split(',').skip(1).map(str::parse).collect::<Result<Vec<f64>, _>>()?;
        rows.push(Row::try_from(cells).map_err(|_| format!("expected a date and five numbers: {line}"))?);
    }
    rows.reverse();
    let weights = StateDict::open(Path::new(folder).join("model.pt"))?;
    let closes = forecast(&weights, [row("min")?, row("max")?], &rows, days.parse()?)?;
    closes.iter().zip(1..).for_each(|(close, day)| println!("+{day} {close:10.2}"));
    Ok(())
}
