//! `gates`: the hidden units while the network reads.

use anyhow::Result;
use clap::Args;
use lesson_kit::plot::GateMaps;
use lesson_kit::{DrawArgs, Gates, LayerGates, RunArgs, Session};
use serde::Serialize;

use super::predict::{known_words, next_word};
use crate::data::{SENTENCES, Vocabulary, batch_of_one};
use crate::model::TextRnn;

/// Options of `gates`.
#[derive(Args, Debug, Clone)]
pub struct GatesArgs {
    #[command(flatten)]
    draw: DrawArgs,

    /// The words, as one argument or several: "i like"
    #[arg(required = true, value_name = "WORDS")]
    words: Vec<String>,
}

/// The words, and the predicted next one.
#[derive(Debug, Serialize)]
pub struct Words {
    words: Vec<&'static str>,
    predicted: String,
}

impl GatesArgs {
    /// Draws the hidden state after each word.
    ///
    /// # Errors
    /// A usage error for unknown words or a wrong number of words; an ordinary error if the model cannot be read, or the
    /// picture cannot be written.
    pub fn run(&self, session: impl FnOnce() -> Result<Session>, args: &RunArgs) -> Result<()> {
        DrawArgs::check(args)?;
        let session = &session()?;
        let vocabulary = Vocabulary::new(&SENTENCES);
        let words = known_words(&self.words, &vocabulary)?;
        let saved = self.draw.read(session.lesson(), session)?;
        let model = TextRnn::load(&saved, vocabulary.len() as i64, session.device())?;
        let gates = hidden_states(&model, words, &vocabulary)?;
        let Words { words, predicted } = &gates.input;
        let title = format!("text-rnn: {} → {predicted}", words.join(" "));
        let names = words.iter().map(ToString::to_string).collect();
        let picture = gates.columns(GateMaps::new(title, "word", names), &[("", "h")]);
        gates.show(&picture, &self.draw, args, session)
    }
}

fn hidden_states(model: &TextRnn, words: Vec<&'static str>, vocabulary: &Vocabulary) -> Result<Gates<Words>> {
    let _guard = tch::no_grad_guard();
    let trace = model.trace(&model.zero_hidden(1)?, &batch_of_one(&words, vocabulary, model.device())?)?;
    let layers = LayerGates::from_trace(&trace, model.rnn().num_layers(), 1)?;
    let predicted = next_word(model, &words, vocabulary)?.predicted;
    Ok(Gates { input: Words { words, predicted }, layers })
}
