//! `predict`: the likeliest next words of a text, or the text written on.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::{Args, value_parser};
use lesson_kit::exit::UsageError;
use lesson_kit::{SavedModel, Session, bars};
use serde::Serialize;
use tch::{Kind, Tensor};

use crate::corpus::{UNKNOWN, Vocabulary};
use crate::evaluate::read;
use crate::model::LanguageModel;
use crate::random::SplitMix64;
use crate::{LESSON, trained};

/// How many words are listed without `--top-k`.
const LISTED: i64 = 10;

/// Options of `predict`.
#[derive(Args, Debug, Clone)]
pub struct PredictArgs {
    /// The text to go on with: "as the proctor started the clock , the students opened their"
    #[arg(value_name = "TEXT")]
    prompt: String,

    /// A model, with its vocabulary.json beside it [default: models/rnn-lm/model.pt]
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,

    /// Write N words on (with --chars in training: characters), instead of listing the next
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..), allow_negative_numbers = true)]
    length: Option<u32>,

    /// With --length: below 1 the likely words become likelier, above 1 the unlikely ones
    #[arg(long, value_name = "T", default_value_t = 1.0, requires = "length", value_parser = crate::cli::positive,
          allow_negative_numbers = true)]
    temperature: f64,

    /// Consider the K likeliest words only: list them [default: 10], or with --length draw from them [default: all]
    #[arg(long, value_name = "K", value_parser = value_parser!(i64).range(1..), allow_negative_numbers = true)]
    top_k: Option<i64>,

    /// With --length: seed of what is drawn
    #[arg(long, value_name = "N", default_value_t = 0, requires = "length")]
    seed: u64,
}

/// A word and how likely it is to come next.
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
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

impl PredictArgs {
    /// Lists the likeliest next words, or writes on.
    ///
    /// # Errors
    /// If the prompt is empty, or the model or its vocabulary cannot be read.
    pub fn run(&self, session: &Session) -> Result<()> {
        let path = self.model.clone().unwrap_or_else(|| PathBuf::from(LESSON.default_out()).join("model.pt"));
        ensure!(path.exists(), "{}: there is no such model; cargo run -p {} trains one", path.display(), LESSON.name);
        let saved = SavedModel::read(&path, &LESSON)?;
        let vocabulary = trained::vocabulary_beside(&path)?;
        let mut model = trained::load(&saved, &vocabulary, session.device())?;
        model.set_backend(session.backend())?;

        let prompt = vocabulary.unit().split(&self.prompt);
        if prompt.is_empty() {
            return Err(UsageError("the text to go on with is empty".to_owned()).into());
        }
        let mut unknown: Vec<&str> = Vec::new();
        for word in prompt.iter().filter(|word| vocabulary.number(word) == 0) {
            if !unknown.contains(&word.as_str()) {
                unknown.push(word);
            }
        }
        if !unknown.is_empty() {
            session.note(format_args!("not in the vocabulary, read as {UNKNOWN}: {}", unknown.join(", ")));
        }
        let (mut words, mut text) = (None, None);
        match self.length {
            None => {
                let listed = next_words(&mut model, &vocabulary, &prompt, self.top_k.unwrap_or(LISTED))?;
                let named = listed.iter().map(|(word, probability)| (word.as_str(), *probability));
                bars::lines(named).try_for_each(|line| session.say(line))?;
                words = Some(listed.into_iter().map(|(word, probability)| Word { word, probability }).collect());
            }
            Some(length) => {
                let written = self.write(&mut model, &vocabulary, &prompt, length)?;
                session.say(&written)?;
                text = Some(written);
            }
        }
        session.json(&Prediction { prompt: &prompt, unknown: &unknown, words, text })
    }

    /// The prompt and `length` words that are drawn after it. [`UNKNOWN`] is never drawn.
    fn write(
        &self,
        model: &mut LanguageModel,
        vocabulary: &Vocabulary,
        prompt: &[String],
        length: u32,
    ) -> Result<String> {
        let mut random = SplitMix64::new(self.seed);
        let mut words: Vec<&str> = prompt.iter().map(String::as_str).collect();
        let (mut scores, mut state) = read(model, &vocabulary.encode(prompt), None)?;
        for _ in 0..length {
            let _ = scores.f_get(0)?.f_fill_(f64::NEG_INFINITY)?;
            let (weights, numbers) = self.weights(&scores)?;
            let number = random.choose(&weights).map(|index| numbers[index]).context("no word can be drawn")?;
            words
                .push(usize::try_from(number).ok().and_then(|number| vocabulary.word(number)).context("no such word")?);
            (scores, state) = read(model, &[number], Some(&state))?;
        }
        Ok(vocabulary.unit().join(words))
    }

    /// The probabilities to draw with, the likeliest first, and whose they are.
    fn weights(&self, scores: &Tensor) -> Result<(Vec<f64>, Vec<i64>)> {
        let count = scores.size()[0];
        let (scores, numbers) = scores.f_topk(self.top_k.unwrap_or(count).min(count), 0, true, true)?;
        let weights = scores.f_to_kind(Kind::Double)?.f_div_scalar(self.temperature)?.f_softmax(0, None)?;
        Ok((Vec::try_from(&weights)?, Vec::try_from(&numbers)?))
    }
}

/// The `count` likeliest words after `prompt`, with their probabilities among all words.
///
/// # Errors
/// If the prompt is empty, or libtorch refuses.
pub fn next_words(
    model: &mut LanguageModel,
    vocabulary: &Vocabulary,
    prompt: &[String],
    count: i64,
) -> Result<Vec<(String, f64)>> {
    let (scores, _) = read(model, &vocabulary.encode(prompt), None)?;
    let shares = scores.f_softmax(0, Kind::Double)?;
    let (shares, numbers) = shares.f_topk(count.min(vocabulary.len() as i64), 0, true, true)?;
    let name = |number: i64| usize::try_from(number).ok().and_then(|it| vocabulary.word(it)).unwrap_or(UNKNOWN);
    let show = |word: &str| if word.trim().is_empty() { format!("{word:?}") } else { word.to_owned() };
    let numbers = Vec::<i64>::try_from(&numbers)?.into_iter().map(|number| show(name(number)));
    Ok(numbers.zip(Vec::<f64>::try_from(&shares)?).collect())
}
