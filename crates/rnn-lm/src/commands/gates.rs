//! `gates`: the gates of the recurrent layer while the network reads a text, and the most likely next words.

use anyhow::Result;
use clap::Args;
use lesson_kit::exit::UsageError;
use lesson_kit::plot::{GateMap, GateMaps, Scale};
use lesson_kit::{DrawArgs, Gates, LayerGates, RunArgs, Session};
use pt_file::escape;
use serde::Serialize;
use tch::{Kind, Tensor};

use super::predict::{note_unknown, split};
use crate::data::Vocabulary;
use crate::model::{LanguageModel, LayerKind};
use crate::vocabulary_file;

/// The number of next words in the picture.
const LISTED: usize = 8;
/// The largest number of words that a picture has space for.
const MAX_WORDS: usize = 60;
/// Longer words are shortened in the picture.
const MAX_LETTERS: usize = 14;
/// The number of words of the text in the title: the last ones.
const TITLE_WORDS: usize = 8;

/// Options of `gates`.
#[derive(Args, Debug, Clone)]
pub struct GatesArgs {
    /// The text to read: "the captain of the white"
    #[arg(value_name = "TEXT")]
    text: String,

    /// The folder of the model must have its vocabulary.json.
    #[command(flatten)]
    draw: DrawArgs,
}

/// The words, and the most likely words after the last of them.
#[derive(Debug, Serialize)]
struct Text {
    words: Vec<String>,
    unknown: Vec<String>,
    next: Vec<NextWord>,
}

/// A word, and its probability as the next word after each word of the text.
#[derive(Debug, Serialize)]
struct NextWord {
    word: String,
    probability: Vec<f64>,
}

impl GatesArgs {
    /// Draws every gate of every layer over the words, and the probabilities of the next words.
    ///
    /// # Errors
    /// [`UsageError`] for a text that is empty or too long; an ordinary error if the model or its vocabulary cannot be read, or
    /// the picture cannot be written.
    pub fn run(&self, session: impl FnOnce() -> Result<Session>, args: &RunArgs) -> Result<()> {
        DrawArgs::check(args)?;
        let session = &session()?;
        let saved = self.draw.read(session.lesson(), session)?;
        let vocabulary = vocabulary_file::read_beside(saved.path())?;
        let mut model = LanguageModel::load(&saved, vocabulary.len(), session.device())?;
        let words = split(&self.text, &vocabulary)?;
        if words.len() > MAX_WORDS {
            let (count, unit) = (words.len(), vocabulary.unit());
            let message =
                format!("the text has {count} {unit}s: a picture has space for {MAX_WORDS}; pass a shorter text");
            return Err(UsageError(message).into());
        }
        let unknown = note_unknown(&words, &vocabulary, session).into_iter().map(str::to_owned).collect();
        let gates = gates(&mut model, words, unknown, &vocabulary)?;
        gates.show(&picture(&gates, model.kind()), &self.draw, args, session)
    }
}

fn gates(
    model: &mut LanguageModel,
    words: Vec<String>,
    unknown: Vec<String>,
    vocabulary: &Vocabulary,
) -> Result<Gates<Text>> {
    let _guard = tch::no_grad_guard();
    model.eval();
    let numbers = Tensor::from_slice(&vocabulary.encode(&words)).f_view([-1, 1])?.f_to_device(model.device())?;
    let (trace, layers) = model.trace(&numbers)?;
    let layers = LayerGates::from_trace(&trace, layers, 1)?;
    let (scores, _state) = model.forward(&numbers, None)?;
    // [step][word]
    let shares = Vec::<Vec<f64>>::try_from(scores.f_softmax(1, Kind::Double)?)?;
    Ok(Gates { input: Text { next: next_words(&shares, vocabulary), words, unknown }, layers })
}

/// The most likely words after the last step, without the token for unknown words, which has the number 0.
fn next_words(shares: &[Vec<f64>], vocabulary: &Vocabulary) -> Vec<NextWord> {
    let last = shares.last().map_or(&[][..], Vec::as_slice);
    let mut numbers: Vec<usize> = (1..last.len()).collect();
    // A stable sort: the more frequent of two words with equal probabilities is first.
    numbers.sort_by(|&one, &other| last[other].total_cmp(&last[one]));
    let next = |number: usize| {
        let probability = shares.iter().map(|step| step[number]).collect();
        Some(NextWord { word: vocabulary.word(number)?.to_owned(), probability })
    };
    numbers.into_iter().take(LISTED).filter_map(next).collect()
}

/// The maps of every layer, and below them the probabilities of the next words after each word.
fn picture(gates: &Gates<Text>, kind: LayerKind) -> GateMaps {
    let Text { words, next, .. } = &gates.input;
    let columns: &[(&str, &str)] = match kind {
        LayerKind::Rnn => &[("", "h")],
        LayerKind::Lstm => &[("the gates", "ifo"), ("what they act on", "gch")],
        LayerKind::Gru => &[("", "rznh")],
    };
    let words: Vec<_> = words.iter().map(|word| shown(word)).collect();
    let (start, last) = words.split_at(words.len().saturating_sub(TITLE_WORDS));
    let dots = if start.is_empty() { "" } else { "… " };
    let predicted = next.first().map(|next| shown(&next.word)).unwrap_or_default();
    let title = format!("rnn-lm: {dots}{} → {predicted}", last.join(" "));
    let picture = GateMaps::new(title, "word", words.clone()).every_step_named();
    let share = |step: usize| next.iter().map(|next| next.probability[step] as f32).collect();
    let shares = (0..words.len()).map(share).collect();
    let names = next.iter().map(|next| shown(&next.word)).collect();
    let map = GateMap::new("p_t = softmax(W h_t + b), in %", Scale::Probability, shares).rows(names);
    gates.columns(picture, columns).below(map)
}

/// A word in the picture: escaped, in quotes if it is white space, and shortened.
fn shown(word: &str) -> String {
    let word = if word.trim().is_empty() { format!("{word:?}") } else { escape(word).into_owned() };
    if word.chars().count() <= MAX_LETTERS {
        return word;
    }
    word.chars().take(MAX_LETTERS - 1).chain(['…']).collect()
}
