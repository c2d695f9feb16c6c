//! `predict`: the predicted digit, and the probability of each digit.

use std::path::Path;

use anyhow::{Context, Result};
use clap::Args;
use lesson_kit::{ModelArg, Session, bars};
use serde::Serialize;
use tch::Kind;

use super::input::{Input, InputArgs};
use crate::model::MnistNn;

/// Options of `predict`.
#[derive(Args, Debug, Clone)]
pub struct PredictArgs {
    #[command(flatten)]
    input: InputArgs,

    #[command(flatten)]
    model: ModelArg,
}

/// The prediction for a digit: the object of `--json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prediction {
    /// The file, or the number of the test digit.
    pub input: String,
    /// How the picture was converted.
    pub read_as: String,
    /// The true digit, if it is known.
    pub label: Option<u8>,
    /// The most likely digit.
    pub predicted: usize,
    /// The probability of each digit, 0 to 9; the sum is 1.
    pub probabilities: Vec<f64>,
}

impl PredictArgs {
    /// Prints the prediction and the probabilities; draws the network's input on stderr.
    ///
    /// # Errors
    /// If the digit or the model cannot be read.
    pub fn run(&self, session: &Session, data: &Path) -> Result<()> {
        let input = self.input.read(data)?;
        let mut model = MnistNn::load(&self.model.read(session.lesson())?, session.device())?;
        model.set_backend(session.backend())?;
        session.note(&input.description);
        session.note(input.drawing());
        let prediction = predict(&model, &input, session)?;
        session.print(format_args!("{} -> {}\n", prediction.input, prediction.predicted))?;
        let digits: Vec<_> = (0..prediction.probabilities.len()).map(|digit| digit.to_string()).collect();
        let named = digits.iter().map(String::as_str).zip(prediction.probabilities.iter().copied());
        bars::lines(named).try_for_each(|line| session.print(line))?;
        session.print_json(&prediction)
    }
}

/// Classifies the digit.
pub fn predict(model: &MnistNn, input: &Input, session: &Session) -> Result<Prediction> {
    let _guard = tch::no_grad_guard();
    let outputs = model.forward(&input.batch(session.device())?)?;
    let probabilities = Vec::<f64>::try_from(outputs.f_softmax(1, Kind::Double)?.f_view([-1])?)?;
    let most_likely = probabilities.iter().enumerate().max_by(|(_, one), (_, other)| one.total_cmp(other));
    let predicted = most_likely.context("the network has no outputs")?.0;
    Ok(Prediction {
        input: input.name.clone(),
        read_as: input.description.clone(),
        label: input.label,
        predicted,
        probabilities,
    })
}
