//! `gates`: the LSTM's gates over a week.

use anyhow::Result;
use clap::Args;
use lesson_kit::exit::UsageError;
use lesson_kit::plot::{GateLines, LinePanel};
use lesson_kit::{DrawArgs, Gates, LayerGates, RunArgs, Session};
use serde::Serialize;

use super::scale;
use crate::data::{CLOSE, COLUMNS, MinMaxScaler, Prices, SEQ_LENGTH, ScaleOn, one_window};
use crate::model::StockRnn;

/// Options of `gates`.
#[derive(Args, Debug, Clone)]
pub struct GatesArgs {
    #[command(flatten)]
    draw: DrawArgs,

    /// Number of the window of seven days, counted from 1, the oldest [default: the last window]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    window: Option<usize>,
}

/// The window, and the predicted next close.
#[derive(Debug, Serialize)]
pub struct Window {
    /// The window's number.
    window: usize,
    /// Its days: dates, or numbers from the first day of the series.
    days: Vec<String>,
    /// The inputs: the scaled prices of each day, in the order of [`COLUMNS`].
    x: Vec<[f32; COLUMNS.len()]>,
    /// The predicted close, in dollars.
    predicted_close: f64,
}

impl GatesArgs {
    /// Draws every gate over the days of a window of `prices`.
    ///
    /// # Errors
    /// [`UsageError`] for a window that does not exist; an ordinary error if the model cannot be read, or the picture cannot be
    /// written.
    pub fn run(
        &self,
        session: impl FnOnce() -> Result<Session>,
        args: &RunArgs,
        prices: &Prices,
        typed: Option<ScaleOn>,
    ) -> Result<()> {
        DrawArgs::check(args)?;
        let window = self.chosen_window(prices)?;
        let session = &session()?;
        let saved = self.draw.read(session.lesson(), session)?;
        let model = StockRnn::load(&saved, session.device())?;
        let scaler = scale::of_model(&saved, typed, prices)?;
        let gates = gates(&model, &scaler, prices, window)?;
        gates.show(&picture(&gates), &self.draw, args, session)
    }

    fn chosen_window(&self, prices: &Prices) -> Result<usize> {
        let count = prices.rows().len() + 1 - SEQ_LENGTH;
        match self.window {
            None => Ok(count),
            Some(window) if (1..=count).contains(&window) => Ok(window),
            Some(window) => Err(UsageError(format!("--window {window}: the series has windows 1 to {count}")).into()),
        }
    }
}

fn gates(model: &StockRnn, scaler: &MinMaxScaler, prices: &Prices, window: usize) -> Result<Gates<Window>> {
    let _guard = tch::no_grad_guard();
    let days = window - 1..window - 1 + SEQ_LENGTH;
    let scaled: Vec<_> = prices.rows()[days.clone()].iter().map(|row| scaler.transform_f32(row)).collect();
    let x = one_window(&scaled, model.device())?;
    let state = model.zero_state(1)?;
    let layers = LayerGates::from_trace(&model.trace(&state, &x)?, model.rnn().num_layers(), 1)?;
    let close = model.forward(&state, &x)?.f_view([-1])?.f_get(0)?;
    let name = |day: usize| prices.dates().get(day).map_or_else(|| format!("day {}", day + 1), ToString::to_string);
    let predicted_close = scaler.inverse(CLOSE, f64::try_from(close)?);
    Ok(Gates { input: Window { window, days: days.map(name).collect(), x: scaled, predicted_close }, layers })
}

/// The inputs, and below them for each layer two columns of lines: the gates, and the values that they act on.
fn picture(gates: &Gates<Window>) -> GateLines {
    let Window { days, x, predicted_close, .. } = &gates.input;
    let (first, last) = (&days[0], &days[SEQ_LENGTH - 1]);
    let title = format!("stock-lstm: {first} to {last} → next close ${predicted_close:.2}");
    let short = |day: &String| day.split_once('-').map_or(day.as_str(), |(_, month_and_day)| month_and_day).to_owned();
    let names = days.iter().map(short).collect();
    // The volume is far from the prices, so it has a scale of its own.
    let input = |heading: &str, is_shown: fn(&str) -> bool| {
        let shown = || (0..COLUMNS.len()).filter(|&column| is_shown(COLUMNS[column]));
        let values = x.iter().map(|day| shown().map(|column| day[column]).collect()).collect();
        LinePanel::new(heading, values).named(shown().map(|column| COLUMNS[column].to_owned()).collect())
    };
    let inputs = [input("x_t, scaled:", |name| name != "Volume"), input("x_t, scaled:", |name| name == "Volume")];
    let picture = GateLines::new(title, "trading day", names);
    gates.line_columns(picture, &inputs, &[("the gates", "ifo"), ("what they act on", "gch")])
}
