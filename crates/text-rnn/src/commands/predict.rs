//! `predict`: the word that follows the first words of a sentence.

use anyhow::{Context, Result};
use clap::Args;
use lesson_kit::exit::UsageError;
use lesson_kit::{ModelArg, Session, bars};
use serde::Serialize;
use tch::Kind;

use crate::data::{N_STEP, SENTENCES, Vocabulary, batch_of_one};
use crate::model::TextRnn;

/// Options of `predict`.
#[derive(Args, Debug, Clone)]
pub struct PredictArgs {
    #[command(flatten)]
    model: ModelArg,

    /// The words, as one argument or several: "i like"
    #[arg(required = true, value_name = "WORDS")]
    words: Vec<String>,
}

/// The next word: the object of `--json`.
#[derive(Debug, Clone, Serialize)]
pub struct NextWord {
    /// The words, separated by single spaces.
    pub input: String,
    /// The most likely next word.
    pub predicted: String,
    /// All words, the most likely first.
    pub probabilities: Vec<WordProbability>,
}

/// A word and its probability.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WordProbability {
    /// The word.
    pub word: String,
    /// From 0 to 1; the sum over all words is 1.
    pub probability: f64,
}

impl PredictArgs {
    /// Prints the next word, and the probability of each word.
    ///
    /// # Errors
    /// [`UsageError`] for unknown words or a wrong number of words; an ordinary error if the model cannot be read.
    pub fn run(&self, session: &Session) -> Result<()> {
        let vocabulary = Vocabulary::new(&SENTENCES);
        let words = known_words(&self.words, &vocabulary)?;
        let saved = self.model.read(session.lesson())?;
        let mut model = TextRnn::load(&saved, vocabulary.len() as i64, session.device())?;
        model.set_backend(session.backend())?;
        let next = next_word(&model, &words, &vocabulary)?;
        session.print(format_args!("{} -> {}\n", next.input, next.predicted))?;
        bars::lines(next.probabilities.iter().map(|it| (it.word.as_str(), it.probability)))
            .try_for_each(|line| session.print(line))?;
        session.print_json(&next)
    }
}

/// Splits at white space. The result is [`N_STEP`] words of the vocabulary.
///
/// # Errors
/// [`UsageError`] if a word is not in the vocabulary, or the number of words is not [`N_STEP`].
pub fn known_words(arguments: &[String], vocabulary: &Vocabulary) -> Result<Vec<&'static str>> {
    let all: Vec<&str> = arguments.iter().flat_map(|argument| argument.split_whitespace()).collect();
    let known = |word: &&str| {
        vocabulary.number(word).and_then(|number| vocabulary.word(number)).ok_or_else(|| {
            UsageError(format!("{word:?} is not in the vocabulary; choose from: {}", vocabulary.words().join(", ")))
        })
    };
    let words = all.iter().map(known).collect::<Result<Vec<_>, _>>()?;
    if words.len() != N_STEP {
        let count = words.len();
        let message = format!(
            "{:?} has {count} {}: the network was trained on {N_STEP} words, for example {:?}",
            all.join(" "),
            if count == 1 { "word" } else { "words" },
            "i like"
        );
        return Err(UsageError(message).into());
    }
    Ok(words)
}

/// Predicts the word after `words`.
pub fn next_word(model: &TextRnn, words: &[&'static str], vocabulary: &Vocabulary) -> Result<NextWord> {
    let _guard = tch::no_grad_guard();
    let input = batch_of_one(words, vocabulary, model.device())?;
    let logits = model.forward(&model.zero_hidden(1)?, &input)?;
    let shares = Vec::<f64>::try_from(logits.f_softmax(-1, Kind::Double)?.f_view([-1])?)?;
    let named = vocabulary.words().iter().zip(shares);
    let mut probabilities: Vec<_> =
        named.map(|(word, probability)| WordProbability { word: (*word).to_owned(), probability }).collect();
    probabilities.sort_by(|one, other| other.probability.total_cmp(&one.probability));
    let predicted = probabilities.first().context("the vocabulary is empty")?.word.clone();
    Ok(NextWord { input: words.join(" "), predicted, probabilities })
}
