//! What the trained network says.

use anyhow::{Context, Result};
use lesson_kit::{cross_entropy, metrics};
use serde::Serialize;
use tch::Reduction;

use crate::data::{Batch, Vocabulary};
use crate::model::TextRnn;

/// A sentence and the word with which the network ends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Prediction {
    /// The words it was given.
    pub input: String,
    /// The word that the sentence ends with.
    pub target: String,
    /// The word that it found likeliest.
    pub predicted: String,
}

/// The figures of `summary.json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// `e^L` of the mean cross-entropy L after training: 1 is certainty, 9 a guess among nine words.
    pub perplexity: f64,
    /// One for each sentence.
    pub predictions: Vec<Prediction>,
}

/// Asks the network for the last word of every sentence.
///
/// # Errors
/// If libtorch refuses, or the network names a word outside the vocabulary.
pub fn evaluate(model: &TextRnn, sentences: &[&str], batch: &Batch, vocabulary: &Vocabulary) -> Result<Evaluation> {
    let _guard = tch::no_grad_guard();
    let hidden = model.zero_hidden(batch.target.size()[0])?;
    let output = model.forward(&hidden, &batch.input)?;
    let loss = f64::try_from(&cross_entropy(&output, &batch.target, Reduction::Mean)?)?;
    let likeliest = Vec::<i64>::try_from(&output.f_argmax(1, false)?)?;
    let predictions = sentences
        .iter()
        .zip(likeliest)
        .map(|(sentence, number)| {
            let (input, target) = sentence.rsplit_once(' ').context("a sentence of a single word")?;
            let predicted = usize::try_from(number).ok().and_then(|number| vocabulary.word(number));
            let predicted = predicted.with_context(|| format!("no word has the number {number}"))?;
            Ok(Prediction { input: input.to_owned(), target: target.to_owned(), predicted: predicted.to_owned() })
        })
        .collect::<Result<_>>()?;
    Ok(Evaluation { perplexity: metrics::perplexity(loss), predictions })
}
