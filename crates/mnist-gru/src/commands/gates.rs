//! `gates`: every gate of every layer while the network reads a digit, row by row.

use std::path::Path;

use anyhow::Result;
use clap::Args;
use lesson_kit::plot::{GateMaps, Tile};
use lesson_kit::{DrawArgs, Gates, LayerGates, RunArgs, Session};

use super::input::{Input, InputArgs};
use super::predict::{Prediction, predict};
use crate::data::SIDE;
use crate::model::MnistNn;

/// Options of `gates`.
#[derive(Args, Debug, Clone)]
pub struct GatesArgs {
    #[command(flatten)]
    input: InputArgs,

    #[command(flatten)]
    draw: DrawArgs,
}

impl GatesArgs {
    /// Draws the gates and prints the path of the picture; with `--json` prints the numbers.
    ///
    /// # Errors
    /// If the digit or the model cannot be read, or the picture cannot be written.
    pub fn run(&self, session: impl FnOnce() -> Result<Session>, args: &RunArgs, data: &Path) -> Result<()> {
        DrawArgs::check(args)?;
        let session = &session()?;
        let input = self.input.read(data)?;
        let model = MnistNn::load(&self.draw.read(session.lesson(), session)?, session.device())?;
        session.note(&input.description);
        let gates = gates(&model, &input, session)?;
        gates.show(&picture(&input, &gates), &self.draw, args, session)
    }
}

fn gates(model: &MnistNn, input: &Input, session: &Session) -> Result<Gates<Prediction>> {
    let _guard = tch::no_grad_guard();
    let trace = model.trace(&input.batch(session.device())?)?;
    let layers = LayerGates::from_trace(&trace, model.gru().num_layers(), 0)?;
    Ok(Gates { input: predict(model, input, session)?, layers })
}

/// The digit, and a column of maps for each layer.
fn picture(input: &Input, gates: &Gates<Prediction>) -> GateMaps {
    let Prediction { predicted, probabilities, .. } = &gates.input;
    let prediction = format!("predicted {predicted} ({:.1} %)", 100.0 * probabilities[*predicted]);
    let true_label = input.label.map(|label| format!("true {label}\n")).unwrap_or_default();
    let name = Path::new(&input.name).file_name().map_or(input.name.clone(), |name| name.to_string_lossy().into());
    let tile = Tile { pixels: input.pixels.clone(), caption: format!("{true_label}{prediction}") };
    let rows = (0..SIDE).map(|row| row.to_string()).collect();
    let empty = GateMaps::new(format!("mnist-gru reads {name}"), "row of the image", rows).image(SIDE, tile);
    gates.layers.iter().enumerate().fold(empty, |picture, (index, layer)| {
        let x = if index == 0 { "x: the row's pixels".to_owned() } else { format!("x: layer {}'s h", index - 1) };
        picture.column(format!("layer {index}, {x}"), layer.maps("rznh", "x_t"))
    })
}
