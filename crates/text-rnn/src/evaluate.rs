//! What the trained network says.

use anyhow::{Context, Result};
use lesson_kit::compare::Results;
use lesson_kit::{cross_entropy, metrics};
use serde::Serialize;
use tch::{Kind, Reduction, Tensor};

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
#[derive(Debug, Serialize)]
pub struct Evaluation {
    /// `e^L` of the mean cross-entropy L after training: 1 is certainty, 9 a guess among nine words.
    pub perplexity: f64,
    /// One for each sentence.
    pub predictions: Vec<Prediction>,
    /// The words, by number.
    pub vocabulary: Vec<&'static str>,
    /// For each sentence the probability of every word to be the last one: what the softmax makes of `logits`.
    pub next_word: Vec<Vec<f64>>,
    /// The scores of the words, (sentences, words); not in `summary.json`.
    #[serde(skip)]
    pub logits: Tensor,
    /// The number of the likeliest word, (sentences,).
    #[serde(skip)]
    pub likeliest: Tensor,
    /// The mean cross-entropy.
    #[serde(skip)]
    pub cross_entropy: Tensor,
}

impl Evaluation {
    /// What the notebook has beside it.
    ///
    /// # Errors
    /// If libtorch cannot copy a tensor.
    pub fn compared(&self, results: &mut Results) -> Result<()> {
        results.add("predictions", "words", &self.likeliest)?;
        results.add("predictions", "logits", &self.logits)?;
        results.add("scores", "cross_entropy", &self.cross_entropy)?;
        results.add("scores", "perplexity", &Tensor::from(self.perplexity))
    }
}

/// Asks the network for the last word of every sentence.
///
/// # Errors
/// If libtorch refuses, or the network names a word outside the vocabulary.
pub fn evaluate(model: &TextRnn, sentences: &[&str], batch: &Batch, vocabulary: &Vocabulary) -> Result<Evaluation> {
    let _guard = tch::no_grad_guard();
    let hidden = model.zero_hidden(batch.target.size()[0])?;
    let logits = model.forward(&hidden, &batch.input)?;
    let cross_entropy = cross_entropy(&logits, &batch.target, Reduction::Mean)?;
    let likeliest = logits.f_argmax(1, false)?;
    let predictions = sentences
        .iter()
        .zip(Vec::<i64>::try_from(&likeliest)?)
        .map(|(sentence, number)| {
            let (input, target) = sentence.rsplit_once(' ').context("a sentence of a single word")?;
            let predicted = usize::try_from(number).ok().and_then(|number| vocabulary.word(number));
            let predicted = predicted.with_context(|| format!("no word has the number {number}"))?;
            Ok(Prediction { input: input.to_owned(), target: target.to_owned(), predicted: predicted.to_owned() })
        })
        .collect::<Result<_>>()?;
    Ok(Evaluation {
        perplexity: metrics::perplexity(f64::try_from(&cross_entropy)?),
        predictions,
        vocabulary: vocabulary.words().to_vec(),
        next_word: Vec::try_from(logits.f_softmax(1, Kind::Double)?)?,
        logits,
        likeliest,
        cross_entropy,
    })
}
