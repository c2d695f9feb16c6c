//! `predict`: the first words of a sentence in, the next word out.

use anyhow::{Context, Result};
use clap::Args;
use lesson_kit::exit::UsageError;
use lesson_kit::{ModelArg, Session, bars};
use serde::Serialize;
use tch::Kind;

use crate::data::{N_STEP, SENTENCES, Vocabulary, batch_of_one};
use crate::model::TextRnn;
use crate::{LESSON, trained};

/// Options of `predict`.
#[derive(Args, Debug, Clone)]
pub struct PredictArgs {
    #[command(flatten)]
    model: ModelArg,

    /// The words, as one argument or several: "i like"
    #[arg(required = true, value_name = "WORDS")]
    words: Vec<String>,
}

/// What follows the words: the object of `--json`.
#[derive(Debug, Clone, Serialize)]
pub struct NextWord {
    /// The words, with single blanks between them.
    pub input: String,
    /// The likeliest next word.
    pub predicted: String,
    /// All words, the likeliest first.
    pub probabilities: Vec<WordProbability>,
}

/// How likely a word is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WordProbability {
    /// The word.
    pub word: String,
    /// 0 to 1; those of all words add up to 1.
    pub probability: f64,
}

impl PredictArgs {
    /// Says the next word, and how likely each one is.
    ///
    /// # Errors
    /// [`UsageError`] for words that the network cannot go on from; else if the model cannot be used.
    pub fn run(&self, session: &Session) -> Result<()> {
        let vocabulary = Vocabulary::new(&SENTENCES);
        let words = known_words(&self.words, &vocabulary)?;
        let mut model = trained::load(&self.model.read(&LESSON)?, &vocabulary, session.device())?;
        model.set_backend(session.backend())?;
        let next = next_word(&model, &words, &vocabulary)?;
        session.say(format_args!("{} -> {}\n", next.input, next.predicted))?;
        bars::lines(next.probabilities.iter().map(|it| (it.word.as_str(), it.probability)))
            .try_for_each(|line| session.say(line))?;
        session.json(&next)
    }
}

/// Splits at blanks, and sees to it that there are as many words as in training, and each is known.
///
/// # Errors
/// [`UsageError`] if not.
pub fn known_words(arguments: &[String], vocabulary: &Vocabulary) -> Result<Vec<&'static str>> {
    let all: Vec<&str> = arguments.iter().flat_map(|argument| argument.split_whitespace()).collect();
    let known = |word: &&str| {
        vocabulary.number(word).and_then(|number| vocabulary.word(number)).ok_or_else(|| {
            UsageError(format!(
                "{word:?} is not in the vocabulary; the network knows: {}",
                vocabulary.words().join(", ")
            ))
        })
    };
    let words = all.iter().map(known).collect::<Result<Vec<_>, _>>()?;
    if words.len() != N_STEP {
        let count = words.len();
        let message = format!(
            "{:?} has {count} {}: the network has learned to go on after {N_STEP}, as in {:?}",
            all.join(" "),
            if count == 1 { "word" } else { "words" },
            "i like"
        );
        return Err(UsageError(message).into());
    }
    Ok(words)
}

/// Asks the network what follows `words`.
///
/// # Errors
/// If libtorch refuses.
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
