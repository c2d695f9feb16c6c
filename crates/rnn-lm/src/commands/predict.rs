//! `predict`: the most likely next words of a text, or a continuation of the text.

use std::borrow::Cow;

use anyhow::{Context, Result};
use clap::{Args, value_parser};
use lesson_kit::exit::UsageError;
use lesson_kit::{ModelArg, Session, bars, positive};
use pt_file::escape;
use serde::Serialize;
use tch::{Kind, Tensor};

use super::eval::next_word_scores;
use crate::data::{UNKNOWN, Vocabulary};
use crate::model::LanguageModel;
use crate::tokens::Unit;
use crate::vocabulary_file;

/// How many words are listed without `--top-k`.
const LISTED: i64 = 10;

/// Options of `predict`.
#[derive(Args, Debug, Clone)]
pub struct PredictArgs {
    /// The text to continue: "as the proctor started the clock , the students opened their"
    #[arg(value_name = "TEXT")]
    prompt: String,

    /// The folder of the model must have its vocabulary.json.
    #[command(flatten)]
    model: ModelArg,

    /// Continue the text with N words, or N characters if the model was trained with --chars
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..), allow_negative_numbers = true)]
    length: Option<u32>,

    /// With --length: temperature of the softmax; below 1 likely words are drawn more often, above 1 less often
    #[arg(long, value_name = "T", default_value_t = 1.0, requires = "length", value_parser = positive,
          allow_negative_numbers = true)]
    temperature: f64,

    /// Use only the K most likely words: list them [default: 10], or with --length draw from them [default: all]
    #[arg(long, value_name = "K", value_parser = value_parser!(i64).range(1..), allow_negative_numbers = true)]
    top_k: Option<i64>,

    /// List `<unk>` too, the token for every word outside the vocabulary
    #[arg(long, conflicts_with = "length")]
    unk: bool,

    /// With --length: seed of the random numbers
    #[arg(long, value_name = "N", default_value_t = 0, requires = "length", allow_negative_numbers = true)]
    seed: i64,
}

/// A word and its probability as the next word.
#[derive(Debug, Serialize)]
struct Word {
    word: String,
    probability: f64,
}

/// The object of `--json`.
#[derive(Debug, Serialize)]
struct Prediction<'a> {
    prompt: &'a [String],
    unknown: &'a [&'a str],
    #[serde(skip_serializing_if = "Option::is_none")]
    words: Option<Vec<Word>>,
    /// [`UNKNOWN`], which the list leaves out without --unk.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<Word>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

impl PredictArgs {
    /// Lists the most likely next words, or continues the text.
    ///
    /// # Errors
    /// If the prompt is empty, or the model or its vocabulary cannot be read.
    pub fn run(&self, session: &Session) -> Result<()> {
        let saved = self.model.read(session.lesson())?;
        let vocabulary = vocabulary_file::read_beside(saved.path())?;
        let mut model = LanguageModel::load(&saved, vocabulary.len(), session.device())?;
        model.set_backend(session.backend())?;

        let prompt = split(&self.prompt, &vocabulary)?;
        let unknown = note_unknown(&prompt, &vocabulary, session);
        let (mut words, mut left_out, mut text) = (None, None, None);
        match self.length {
            None => {
                let count = self.top_k.unwrap_or(LISTED);
                let next = next_words(&mut model, &vocabulary, &prompt, count, self.unk)?;
                let shown: Vec<_> = next.listed.iter().map(|(word, share)| (escape(word), *share)).collect();
                let named = shown.iter().map(|(word, share)| (word.as_ref(), *share));
                bars::lines(named).try_for_each(|line| session.print(line))?;
                if let Some(share) = next.left_out.filter(|_| next.would_be_listed) {
                    let (share, unit) = (100.0 * share, vocabulary.unit());
                    session.print(format_args!(
                        "left out: {UNKNOWN} (any {unit} outside the vocabulary), {share:.2} %; --unk lists it"
                    ))?;
                }
                let word = |(word, probability)| Word { word, probability };
                words = Some(next.listed.into_iter().map(word).collect());
                left_out = next.left_out.map(|probability| word((UNKNOWN.to_owned(), probability)));
            }
            Some(length) => {
                let written = self.continue_text(&mut model, &vocabulary, &prompt, length)?;
                // Characters include line breaks; a word that has one comes from a forged vocabulary.
                let is_line = vocabulary.unit() == Unit::Word;
                session.print(if is_line { escape(&written) } else { Cow::Borrowed(written.as_str()) })?;
                text = Some(written);
            }
        }
        session.print_json(&Prediction { prompt: &prompt, unknown: &unknown, words, left_out, text })
    }

    /// The prompt and `length` words that are drawn after it. [`UNKNOWN`] is never drawn.
    fn continue_text(
        &self,
        model: &mut LanguageModel,
        vocabulary: &Vocabulary,
        prompt: &[String],
        length: u32,
    ) -> Result<String> {
        let mut random = fastrand::Rng::with_seed(self.seed as u64);
        let mut words: Vec<&str> = prompt.iter().map(String::as_str).collect();
        let (mut scores, mut state) = next_word_scores(model, &vocabulary.encode(prompt), None)?;
        for _ in 0..length {
            let _ = scores.f_get(0)?.f_fill_(f64::NEG_INFINITY)?;
            let (weights, numbers) = self.weights(&scores)?;
            let number = draw(&weights, &mut random).map(|index| numbers[index]).context("no word can be drawn")?;
            words
                .push(usize::try_from(number).ok().and_then(|number| vocabulary.word(number)).context("no such word")?);
            (scores, state) = next_word_scores(model, &[number], Some(&state))?;
        }
        Ok(vocabulary.unit().join(words))
    }

    /// The probabilities to draw with, the largest first, and the numbers of their words.
    fn weights(&self, scores: &Tensor) -> Result<(Vec<f64>, Vec<i64>)> {
        let count = scores.size()[0];
        let (scores, numbers) = scores.f_topk(self.top_k.unwrap_or(count).min(count), 0, true, true)?;
        let weights = scores.f_to_kind(Kind::Double)?.f_div_scalar(self.temperature)?.f_softmax(0, None)?;
        Ok((Vec::try_from(&weights)?, Vec::try_from(&numbers)?))
    }
}

/// The words of `text`.
///
/// # Errors
/// [`UsageError`] for a text without words.
pub fn split(text: &str, vocabulary: &Vocabulary) -> Result<Vec<String>> {
    let words = vocabulary.unit().split(text);
    if words.is_empty() {
        return Err(UsageError("the text to continue is empty".to_owned()).into());
    }
    Ok(words)
}

/// The words that are not in the vocabulary, each once. A note names them.
pub fn note_unknown<'a>(words: &'a [String], vocabulary: &Vocabulary, session: &Session) -> Vec<&'a str> {
    let mut unknown: Vec<&str> = Vec::new();
    for word in words.iter().filter(|word| vocabulary.number(word) == 0) {
        if !unknown.contains(&word.as_str()) {
            unknown.push(word);
        }
    }
    if !unknown.is_empty() {
        session.note(format_args!("not in the vocabulary, read as {UNKNOWN}: {}", unknown.join(", ")));
    }
    unknown
}

/// Draws an index with a probability proportional to its weight; `None` if no weight is above 0.
fn draw(weights: &[f64], random: &mut fastrand::Rng) -> Option<usize> {
    let mut rest = random.f64() * weights.iter().sum::<f64>();
    let drawn = weights.iter().position(|weight| {
        rest -= weight;
        rest < 0.0
    });
    drawn.or_else(|| weights.iter().rposition(|&weight| weight > 0.0)) // rounding can leave a remainder
}

/// The most likely next words of a prompt.
#[derive(Debug)]
struct NextWords {
    /// The words and their probabilities among all words of the vocabulary, the most likely first.
    listed: Vec<(String, f64)>,
    /// The probability of [`UNKNOWN`], if the list leaves it out.
    left_out: Option<f64>,
    /// Whether the list has [`UNKNOWN`] with `--unk`.
    would_be_listed: bool,
}

/// The `count` most likely words after `prompt`, with or without [`UNKNOWN`].
fn next_words(
    model: &mut LanguageModel,
    vocabulary: &Vocabulary,
    prompt: &[String],
    count: i64,
    with_unknown: bool,
) -> Result<NextWords> {
    let (scores, _) = next_word_scores(model, &vocabulary.encode(prompt), None)?;
    let shares = Vec::<f64>::try_from(scores.f_softmax(0, Kind::Double)?)?;
    let show = |word: &str| if word.trim().is_empty() { format!("{word:?}") } else { word.to_owned() };
    let mut named: Vec<(usize, f64)> = shares.into_iter().enumerate().collect();
    // A stable sort: the more frequent of two words with equal probabilities is first.
    named.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let place = named.iter().position(|&(number, _)| number == 0);
    let left_out = place.filter(|_| !with_unknown).map(|place| named.remove(place).1);
    let listed = named.into_iter().take(count);
    let listed = listed.map(|(number, share)| (show(vocabulary.word(number).unwrap_or(UNKNOWN)), share)).collect();
    Ok(NextWords { listed, left_out, would_be_listed: place.is_some_and(|place| place < count) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_drawn_in_proportion_to_its_weight() {
        let mut random = fastrand::Rng::with_seed(0);
        let mut counts = [0; 3];
        for _ in 0..10_000 {
            counts[draw(&[1.0, 0.0, 3.0], &mut random).unwrap()] += 1;
        }
        assert!(counts[1] == 0 && (2300..2700).contains(&counts[0]), "{counts:?}");
        assert_eq!(draw(&[0.0, 0.0], &mut random), None);
    }
}
