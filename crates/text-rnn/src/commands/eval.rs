//! The predictions and the perplexity of a trained network.

use anyhow::{Context, Result};
use lesson_kit::Evaluation;
use lesson_kit::metrics::{self, format_perplexity};
use serde::Serialize;
use tch::{Kind, Reduction, Tensor};
use torch_ext::nn::cross_entropy;

use crate::data::{Batch, Vocabulary};
use crate::model::TextRnn;

/// A sentence and the predicted last word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Prediction {
    /// The first words.
    pub input: String,
    /// The last word.
    pub target: String,
    /// The most likely word.
    pub predicted: String,
}

/// The evaluation on the training sentences.
#[derive(Debug, Serialize)]
pub struct Scores {
    /// `e^L` of the mean cross-entropy L. 1 means certainty, 9 a uniform guess among the nine words.
    pub perplexity: f64,
    /// One for each sentence.
    pub predictions: Vec<Prediction>,
    /// The words, by number.
    pub vocabulary: Vec<&'static str>,
    /// For each sentence, the probability of each word as the last word: `softmax(logits)`.
    pub next_word: Vec<Vec<f64>>,
    /// The scores of the words, (sentences, words); not in `summary.json`.
    #[serde(skip)]
    pub logits: Tensor,
    /// The number of the most likely word, (sentences,).
    #[serde(skip)]
    pub most_likely: Tensor,
    /// The mean cross-entropy.
    #[serde(skip)]
    pub cross_entropy: Tensor,
}

/// Predicts the last word of every sentence.
pub fn evaluate(model: &TextRnn, sentences: &[&str], batch: &Batch, vocabulary: &Vocabulary) -> Result<Scores> {
    let _guard = tch::no_grad_guard();
    let hidden = model.zero_hidden(batch.target.size()[0])?;
    let logits = model.forward(&hidden, &batch.input)?;
    let cross_entropy = cross_entropy(&logits, &batch.target, Reduction::Mean)?;
    let most_likely = logits.f_argmax(1, false)?;
    let predictions = sentences
        .iter()
        .zip(Vec::<i64>::try_from(&most_likely)?)
        .map(|(sentence, number)| {
            let (input, target) = sentence.rsplit_once(' ').context("a sentence with a single word")?;
            let predicted = usize::try_from(number).ok().and_then(|number| vocabulary.word(number));
            let predicted = predicted.with_context(|| format!("no word has the number {number}"))?;
            Ok(Prediction { input: input.to_owned(), target: target.to_owned(), predicted: predicted.to_owned() })
        })
        .collect::<Result<_>>()?;
    Ok(Scores {
        perplexity: metrics::perplexity(f64::try_from(&cross_entropy)?),
        predictions,
        vocabulary: vocabulary.words().to_vec(),
        next_word: Vec::try_from(logits.f_softmax(1, Kind::Double)?)?,
        logits,
        most_likely,
        cross_entropy,
    })
}

impl Evaluation for Scores {
    /// Each sentence with the predicted word, the probabilities of all words in percent, and the perplexity.
    fn lines(&self) -> Vec<String> {
        let prediction = |it: &Prediction| {
            let mark = if it.predicted == it.target { "" } else { "  (wrong)" };
            format!("{:<9} -> {}{mark}", it.input, it.predicted)
        };
        let cells = |cells: Vec<String>| cells.iter().map(|cell| format!("{cell:>7}")).collect::<String>();
        let heading = cells(self.vocabulary.iter().map(ToString::to_string).collect());
        let row = |(sentence, shares): (&Prediction, &Vec<f64>)| {
            let shares = shares.iter().map(|share| format!("{:.2}", 100.0 * share)).collect();
            format!("{:<12}{}", sentence.input, cells(shares))
        };
        let perplexity = format!("\nperplexity = {}", format_perplexity(self.perplexity, 4));
        let mut lines: Vec<String> = self.predictions.iter().map(prediction).collect();
        lines.extend([String::new(), format!("{:<12}{heading}", "next word, %")]);
        lines.extend(self.predictions.iter().zip(&self.next_word).map(row));
        lines.push(perplexity);
        lines
    }

    fn tensors(&self) -> Result<Vec<(&'static str, &'static str, Tensor)>> {
        Ok(vec![
            ("predictions", "words", self.most_likely.shallow_clone()),
            ("predictions", "logits", self.logits.shallow_clone()),
            ("scores", "cross_entropy", self.cross_entropy.shallow_clone()),
            ("scores", "perplexity", Tensor::from(self.perplexity)),
        ])
    }
}
