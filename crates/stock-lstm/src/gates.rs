//! `gates`: what the LSTM's gates do over a week.

use anyhow::Result;
use clap::Args;
use lesson_kit::exit::UsageError;
use lesson_kit::plot::{self, GateMap, GateMaps, Scale};
use lesson_kit::{DrawArgs, Session, TrainArgs};
use serde::{Serialize, Serializer};
use tch::Tensor;

use crate::data::{CLOSE, MinMaxScaler, Prices, SEQ_LENGTH, ScaleOn, one_window};
use crate::model::StockRnn;
use crate::trained;
use crate::{GATES, LESSON};

/// Options of `gates`.
#[derive(Args, Debug, Clone)]
pub struct GatesArgs {
    #[command(flatten)]
    draw: DrawArgs,

    /// Which seven days, counted from 1, the oldest [default: the last ones]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    window: Option<usize>,
}

/// What the gates do: the object of `--json`.
#[derive(Debug, Serialize)]
pub struct Gates {
    /// The window's number.
    pub window: usize,
    /// Its days: dates, or how many days after the first of the series.
    pub days: Vec<String>,
    /// The close that the network predicts then, in dollars.
    pub predicted_close: f64,
    /// From the first layer to the last.
    pub layers: Vec<Layer>,
}

/// The gates of one layer, by name in `--json`.
#[derive(Debug)]
pub struct Layer(Vec<Gate>);

impl Serialize for Layer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|gate| (gate.name, &gate.values)))
    }
}

/// One gate, or the cell, or the hidden state.
#[derive(Debug)]
pub struct Gate {
    /// i, f, g, o, c or h.
    pub name: &'static str,
    /// Day by day, unit by unit.
    pub values: Vec<Vec<f32>>,
}

impl GatesArgs {
    /// Draws every gate over the days of a window of `prices`.
    ///
    /// # Errors
    /// [`UsageError`] for a window that is not there, or if neither picture nor numbers are wanted; if the model cannot
    /// be used, or the picture not be written.
    pub fn run(&self, prices: &Prices, typed: Option<ScaleOn>, args: &TrainArgs) -> Result<()> {
        if args.no_plots && !args.json {
            return Err(UsageError("--no-plots leaves nothing to do; with --json there are the numbers".into()).into());
        }
        let window = self.chosen_window(prices)?;
        let session = Session::start(args)?;
        let saved = self.draw.read(&LESSON, &session)?;
        let model = trained::load(&saved, session.device())?;
        let scaler = trained::scaler(&saved, typed, prices)?;
        let gates = gates(&model, &scaler, prices, window)?;
        if !args.no_plots {
            let stem = self.draw.folder(&LESSON)?.join(GATES);
            plot::save(&picture(&gates), &stem)?;
            session.say(format_args!("{0}.png and {0}.svg", stem.display()))?;
        }
        session.json(&gates)
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

fn gates(model: &StockRnn, scaler: &MinMaxScaler, prices: &Prices, window: usize) -> Result<Gates> {
    let _guard = tch::no_grad_guard();
    let days = window - 1..window - 1 + SEQ_LENGTH;
    let scaled: Vec<_> = prices.rows()[days.clone()].iter().map(|row| scaler.transform_f32(row)).collect();
    let x = one_window(&scaled, model.device())?;
    let state = model.zero_state(1)?;
    let trace = model.trace(&state, &x)?;
    let layer = |layer| -> Result<Layer> {
        let gates = trace.gates(layer as usize, 0)?;
        let gate = |(name, gate): (_, &Tensor)| Ok(Gate { name, values: Vec::try_from(gate.f_select(1, 0)?)? });
        Ok(Layer(gates.map(gate).collect::<Result<_>>()?))
    };
    let close = model.forward(&state, &x)?.f_view([-1])?.f_get(0)?;
    let name = |day: usize| prices.dates().get(day).map_or_else(|| format!("day {}", day + 1), ToString::to_string);
    Ok(Gates {
        window,
        days: days.map(name).collect(),
        predicted_close: scaler.inverse(CLOSE, f64::try_from(close)?),
        layers: (0..model.rnn().num_layers()).map(layer).collect::<Result<_>>()?,
    })
}

/// Three maps below each other, gates on the left, what they let through on the right.
fn picture(gates: &Gates) -> GateMaps {
    let (first, last) = (&gates.days[0], &gates.days[SEQ_LENGTH - 1]);
    let title = format!("stock-lstm: {first} to {last} \u{2192} next close ${:.2}", gates.predicted_close);
    let short = |day: &String| day.split_once('-').map_or(day.as_str(), |(_, month_and_day)| month_and_day).to_owned();
    let names = gates.days.iter().map(short).collect();
    let one = gates.layers.len() == 1;
    let layers = gates.layers.iter().enumerate();
    layers.fold(GateMaps::new(title, "trading day", names), |maps, (layer, Layer(gates))| {
        let heading = |what: &str| if one { what.to_owned() } else { format!("layer {layer}: {what}") };
        let column = |names: &str| {
            gates.iter().filter(|gate| names.contains(gate.name)).map(|gate| map(gate, layer)).collect::<Vec<_>>()
        };
        maps.column(heading("the gates"), column("ifo")).column(heading("what they act on"), column("gch"))
    })
}

fn map(gate: &Gate, layer: usize) -> GateMap {
    let input = if layer == 0 { "x_t".to_owned() } else { format!("h_t of layer {}", layer - 1) };
    let name = gate.name;
    let of_inputs = |function: &str| {
        format!("{name}_t = {function}(W_i{name} {input} + b_i{name} + W_h{name} h_{{t\u{2212}1}} + b_h{name})")
    };
    let (scale, formula) = match name {
        "c" => (Scale::Unbounded, "c_t = f_t * c_{t\u{2212}1} + i_t * g_t".to_owned()),
        "h" => (Scale::Tanh, "h_t = o_t * tanh(c_t)".to_owned()),
        "g" => (Scale::Tanh, of_inputs("tanh")),
        _ => (Scale::Sigmoid, of_inputs("σ")),
    };
    GateMap::new(formula, scale, gate.values.clone())
}
