//! `predict`: the next closes of a series.

use anyhow::{Context, Result};
use clap::Args;
use lesson_kit::{ModelArg, Session};
use serde::Serialize;

use super::scale;
use crate::data::dates::next_weekday;
use crate::data::{CLOSE, MinMaxScaler, Prices, Row, SEQ_LENGTH, ScaleOn, one_window};
use crate::model::StockRnn;

/// Options of `predict`.
#[derive(Args, Debug, Clone)]
pub struct PredictArgs {
    #[command(flatten)]
    model: ModelArg,

    /// How many trading days to predict
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    days: u32,
}

/// The forecast: the object of `--json`.
#[derive(Debug, Clone, Serialize)]
pub struct Forecast {
    /// The last day of the series.
    pub last: Day,
    /// The days after it.
    pub predicted: Vec<Day>,
    /// Limits of the forecast.
    pub notes: Vec<String>,
}

/// A day and its close.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Day {
    /// The date, if the series has dates.
    pub date: Option<String>,
    /// In dollars.
    pub close: f64,
}

impl PredictArgs {
    /// Prints the closes after those of `prices`.
    ///
    /// # Errors
    /// If the model cannot be read.
    pub fn run(&self, session: &Session, prices: &Prices, typed: Option<ScaleOn>) -> Result<()> {
        let saved = self.model.read(session.lesson())?;
        let mut model = StockRnn::load(&saved, session.device())?;
        model.set_backend(session.backend())?;
        let scaler = scale::of_model(&saved, typed, prices)?;
        let forecast = forecast(&model, &scaler, prices, self.days as usize)?;
        session.print(format_args!("{:<12}{:>10}", "day", "close, $"))?;
        session.print(line(&forecast.last, 0) + "  known")?;
        for (day, number) in forecast.predicted.iter().zip(1..) {
            session.print(line(day, number))?;
        }
        session.print("")?;
        forecast.notes.iter().try_for_each(|note| session.print(note))?;
        session.print_json(&forecast)
    }
}

fn line(day: &Day, number: usize) -> String {
    let name = day.date.clone().unwrap_or_else(|| if number == 0 { "last".to_owned() } else { format!("+{number}") });
    format!("{name:<12}{:>10.2}", day.close)
}

/// Predicts `days` closes. Each predicted close is an input of the next prediction.
pub fn forecast(model: &StockRnn, scaler: &MinMaxScaler, prices: &Prices, days: usize) -> Result<Forecast> {
    let last_row = prices.rows().last().context("a series without days")?;
    let mut date = prices.dates().last().copied();
    let last = Day { date: date.map(|date| date.to_string()), close: last_row[CLOSE] };
    let predicted = next_closes(model, scaler, prices.rows(), days)?.into_iter().map(|close| {
        date = date.and_then(next_weekday);
        Day { date: date.map(|date| date.to_string()), close }
    });
    let predicted = predicted.collect();
    Ok(Forecast { last, predicted, notes: notes(scaler, prices, days) })
}

/// The closes after `rows`, in dollars.
fn next_closes(model: &StockRnn, scaler: &MinMaxScaler, rows: &[Row], days: usize) -> Result<Vec<f64>> {
    let _guard = tch::no_grad_guard();
    let last_week = &rows[rows.len().saturating_sub(SEQ_LENGTH)..];
    let mut scaled: Vec<_> = last_week.iter().map(|row| scaler.transform_f32(row)).collect();
    let mut closes = Vec::with_capacity(days);
    for _ in 0..days {
        let window = &scaled[scaled.len() - SEQ_LENGTH..];
        let output = model.forward(&model.zero_state(1)?, &one_window(window, model.device())?)?;
        let close = f64::try_from(output.f_view([-1])?.f_get(0)?)?;
        closes.push(scaler.inverse(CLOSE, close));
        let mut next = window[SEQ_LENGTH - 1]; // the other columns keep their last known values
        next[CLOSE] = close as f32;
        scaled.push(next);
    }
    Ok(closes)
}

fn notes(scaler: &MinMaxScaler, prices: &Prices, days: usize) -> Vec<String> {
    let mut notes = Vec::new();
    if days > 1 {
        notes.push(
            "From the second day on, the network reads its own predictions, and errors add up: the close is the \
             predicted one, and Open, High, Low and Volume keep the values of the last known day."
                .to_owned(),
        );
    }
    if !prices.dates().is_empty() {
        notes.push("The dates are the next weekdays; the exchange's holidays are not taken into account.".to_owned());
    }
    let (low, high) = scaler.range(CLOSE);
    let week = prices.rows().iter().rev().take(SEQ_LENGTH).map(|row| row[CLOSE]);
    if let Some(outside) = week.into_iter().find(|close| !(low..=high).contains(close)) {
        notes.push(format!(
            "A close of {outside:.2} is outside the range {low:.2} to {high:.2} of the training data: the \
             network was not trained on such prices."
        ));
    }
    notes
}
