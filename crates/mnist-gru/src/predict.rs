//! `predict`: which digit is it, and how sure is the network?

use std::path::Path;

use anyhow::{Context, Result};
use clap::Args;
use lesson_kit::{ModelArg, Session, bars};
use serde::Serialize;
use tch::Kind;

use crate::input::{Input, InputArgs};
use crate::model::MnistNn;
use crate::{LESSON, trained};

/// Options of `predict`.
#[derive(Args, Debug, Clone)]
pub struct PredictArgs {
    #[command(flatten)]
    input: InputArgs,

    #[command(flatten)]
    model: ModelArg,
}

/// What the network says about a digit: the object of `--json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prediction {
    /// The file, or which test digit.
    pub input: String,
    /// How it was read.
    pub read_as: String,
    /// Which digit it is, if that is known.
    pub label: Option<u8>,
    /// The likeliest digit.
    pub predicted: usize,
    /// How likely each digit is, 0 to 9; they add up to 1.
    pub probabilities: Vec<f64>,
}

impl PredictArgs {
    /// Says which digit it is, and how likely each one is; shows on stderr what the network saw.
    ///
    /// # Errors
    /// If the digit or the model cannot be read.
    pub fn run(&self, session: &Session, data: &Path) -> Result<()> {
        let input = self.input.read(data)?;
        let mut model = trained::load(&self.model.read(&LESSON)?, session.device())?;
        model.set_backend(session.backend())?;
        session.note(&input.description);
        session.note(input.drawing());
        let prediction = predict(&model, &input, session)?;
        session.say(format_args!("{} -> {}\n", prediction.input, prediction.predicted))?;
        let digits: Vec<_> = (0..prediction.probabilities.len()).map(|digit| digit.to_string()).collect();
        let named = digits.iter().map(String::as_str).zip(prediction.probabilities.iter().copied());
        bars::lines(named).try_for_each(|line| session.say(line))?;
        session.json(&prediction)
    }
}

/// Asks the network.
///
/// # Errors
/// If libtorch refuses.
pub fn predict(model: &MnistNn, input: &Input, session: &Session) -> Result<Prediction> {
    let _guard = tch::no_grad_guard();
    let outputs = model.forward(&input.batch(session.device())?)?;
    let probabilities = Vec::<f64>::try_from(outputs.f_softmax(1, Kind::Double)?.f_view([-1])?)?;
    let likeliest = probabilities.iter().enumerate().max_by(|(_, one), (_, other)| one.total_cmp(other));
    let predicted = likeliest.context("the network knows no digits")?.0;
    Ok(Prediction {
        input: input.name.clone(),
        read_as: input.description.clone(),
        label: input.label,
        predicted,
        probabilities,
    })
}
