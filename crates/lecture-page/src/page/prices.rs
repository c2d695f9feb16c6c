//! The prices of stock-lstm, from its CSV file.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use csv::{ReaderBuilder, Trim};
use jiff::civil::Date;
use serde::Deserialize;

use crate::stock::Row;

/// A day of the file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Line {
    date: String,
    open: f64,
    high: f64,
    low: f64,
    volume: f64,
    close: f64,
}

/// The days of a file, the oldest first.
#[derive(Debug)]
pub struct Prices {
    /// The dates, as 2013-03-01.
    pub dates: Vec<String>,
    /// Open, High, Low, Volume, Close.
    pub rows: Vec<Row>,
}

/// Reads a file with a header that names the columns Date, Open, High, Low, Volume and Close.
///
/// # Errors
/// If the file cannot be read, or has other columns.
pub fn read(path: &Path) -> Result<Prices> {
    let mut reader = ReaderBuilder::new().comment(Some(b'#')).trim(Trim::All).from_path(path)?;
    let lines = reader.deserialize().collect::<Result<Vec<Line>, _>>()?;
    ensure!(!lines.is_empty(), "the file has no prices");
    let mut days = Vec::with_capacity(lines.len());
    for line in lines {
        let date: Date = line.date.parse().with_context(|| format!("Date {:?}", line.date))?;
        days.push((date, [line.open, line.high, line.low, line.volume, line.close]));
    }
    days.sort_by_key(|(date, _)| *date);
    let (dates, rows) = days.into_iter().map(|(date, row)| (date.to_string(), row)).unzip();
    Ok(Prices { dates, rows })
}
