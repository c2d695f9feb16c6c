//! `gates`: what every gate of every layer does while the network reads a digit, row by row.

use std::path::Path;

use anyhow::Result;
use clap::Args;
use lesson_kit::exit::UsageError;
use lesson_kit::plot::{self, GateMap, GateMaps, Scale, Tile};
use lesson_kit::{DrawArgs, Session, TrainArgs};
use serde::Serialize;
use serde_json::{Map, Value, json};
use tch::Tensor;

use crate::data::SIDE;
use crate::input::{Input, InputArgs};
use crate::model::MnistNn;
use crate::predict::{Prediction, predict};
use crate::{LESSON, trained};

/// The name of the picture.
pub const GATES: &str = "gates";

/// What the trace calls a value, its equation, and what it can be. A layer's x is the layer's below.
const EQUATIONS: [(&str, &str, Scale); 4] = [
    ("r", "r_t = σ(W_ir x_t + b_ir + W_hr h_{t−1} + b_hr)", Scale::Sigmoid),
    ("z", "z_t = σ(W_iz x_t + b_iz + W_hz h_{t−1} + b_hz)", Scale::Sigmoid),
    ("n", "n_t = tanh(W_in x_t + b_in + r_t * (W_hn h_{t−1} + b_hn))", Scale::Tanh),
    ("h", "h_t = (1 − z_t) * n_t + z_t * h_{t−1}", Scale::Tanh),
];

/// Options of `gates`.
#[derive(Args, Debug, Clone)]
pub struct GatesArgs {
    #[command(flatten)]
    input: InputArgs,

    #[command(flatten)]
    draw: DrawArgs,
}

/// Every value of every step: the object of `--json`.
#[derive(Debug, Clone, Serialize)]
pub struct Gates {
    /// What was read, and what the network says.
    #[serde(flatten)]
    pub prediction: Prediction,
    /// For each layer its gates by name, `[step][unit]`.
    pub layers: Vec<Map<String, Value>>,
}

impl GatesArgs {
    /// Draws the gates and says on stdout where the picture is; with `--json` gives the numbers.
    ///
    /// # Errors
    /// If the digit or the model cannot be read, or the picture not be written; [`UsageError`] if neither picture nor
    /// numbers are wanted.
    pub fn run(&self, train: &TrainArgs, data: &Path) -> Result<()> {
        if train.no_plots && !train.json {
            return Err(UsageError("--no-plots leaves nothing to do; with --json there are the numbers".into()).into());
        }
        let session = &Session::start(train)?;
        let input = self.input.read(data)?;
        let model = trained::load(&self.draw.read(&LESSON, session)?, session.device())?;
        session.note(&input.description);
        let prediction = predict(&model, &input, session)?;
        let layers = layers(&model, &input, session)?;
        if !train.no_plots {
            let stem = self.draw.folder(&LESSON)?.join(GATES);
            plot::save(&picture(&input, &prediction, &layers), &stem)?;
            for extension in ["png", "svg"] {
                session.say(stem.with_added_extension(extension).display())?;
            }
        }
        let named = |gates: Layer| gates.into_iter().map(|(name, values)| (name.to_owned(), json!(values))).collect();
        session.json(&Gates { prediction, layers: layers.into_iter().map(named).collect() })
    }
}

/// The gates of a layer: name, and values by step and unit.
type Layer = Vec<(&'static str, Vec<Vec<f32>>)>;

fn layers(model: &MnistNn, input: &Input, session: &Session) -> Result<Vec<Layer>> {
    let _guard = tch::no_grad_guard();
    let trace = model.trace(&input.batch(session.device())?)?;
    let values = |(name, gate): (&'static str, &Tensor)| Ok((name, Vec::try_from(gate.f_select(0, 0)?)?));
    (0..model.num_layers()).map(|layer| trace.gates(layer, 0)?.map(values).collect()).collect()
}

/// A column of maps for each layer, the digit beside them.
fn picture(input: &Input, prediction: &Prediction, layers: &[Layer]) -> GateMaps {
    let said = prediction.predicted;
    let sure = format!("said {said} ({:.1} %)", 100.0 * prediction.probabilities[said]);
    let true_label = input.label.map(|label| format!("true {label}\n")).unwrap_or_default();
    let name = Path::new(&input.name).file_name().map_or(input.name.clone(), |name| name.to_string_lossy().into());
    let tile = Tile { pixels: input.pixels.clone(), caption: format!("{true_label}{sure}") };
    let rows = (0..SIDE).map(|row| row.to_string()).collect();
    let empty = GateMaps::new(format!("mnist-gru reads {name}"), "row of the image", rows).image(SIDE, tile);
    layers.iter().enumerate().fold(empty, |picture, (index, layer)| {
        let map = |(name, values): &(&str, Vec<Vec<f32>>)| {
            let (_, equation, scale) = EQUATIONS.iter().find(|(known, ..)| known == name)?;
            Some(GateMap::new(*equation, *scale, values.clone()))
        };
        let x = if index == 0 { "x: the row's pixels".to_owned() } else { format!("x: layer {}'s h", index - 1) };
        picture.column(format!("layer {index}, {x}"), layer.iter().filter_map(map).collect())
    })
}
