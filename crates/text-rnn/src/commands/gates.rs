//! `gates`: the hidden units while the network reads, and the probabilities of the next word.

use anyhow::Result;
use clap::Args;
use lesson_kit::exit::UsageError;
use lesson_kit::plot::{GateMap, GateMaps, Scale};
use lesson_kit::{DrawArgs, Gates, LayerGates, RunArgs, Session};
use serde::Serialize;

use super::predict::{WordProbability, known_words, next_word};
use crate::data::{SENTENCES, Vocabulary, batch_of_one};
use crate::model::TextRnn;

/// The largest number of sentences in a picture.
const MAX_SENTENCES: usize = 8;

/// Options of `gates`.
#[derive(Args, Debug, Clone)]
pub struct GatesArgs {
    #[command(flatten)]
    draw: DrawArgs,

    /// The words, as one argument or several: "i like". Several arguments with spaces are sentences side by side: "i like"
    /// "you like"
    #[arg(required = true, value_name = "WORDS")]
    words: Vec<String>,
}

/// The words, and the predicted next one.
#[derive(Debug, Serialize)]
pub struct Words {
    words: Vec<&'static str>,
    predicted: String,
    /// All words, the most likely first.
    probabilities: Vec<WordProbability>,
}

impl GatesArgs {
    /// Draws the hidden state after each word, and the probability of each next word.
    ///
    /// # Errors
    /// A usage error for unknown words, a wrong number of words, or too many sentences; an ordinary error if the model cannot
    /// be read, or the picture cannot be written.
    pub fn run(&self, session: impl FnOnce() -> Result<Session>, args: &RunArgs) -> Result<()> {
        DrawArgs::check(args)?;
        let session = &session()?;
        let vocabulary = Vocabulary::new(&SENTENCES);
        let sentences = self.sentences(&vocabulary)?;
        let saved = self.draw.read(session.lesson(), session)?;
        let model = TextRnn::load(&saved, vocabulary.len() as i64, session.device())?;
        let read = |words| hidden_states(&model, words, &vocabulary);
        let gates = sentences.into_iter().map(read).collect::<Result<Vec<_>>>()?;
        Gates::show_all(&gates, &picture(&gates, &vocabulary), &self.draw, args, session)
    }

    /// The words of each sentence. Arguments without spaces are the words of one sentence.
    fn sentences(&self, vocabulary: &Vocabulary) -> Result<Vec<Vec<&'static str>>> {
        let has_space = |argument: &String| argument.trim().contains(char::is_whitespace);
        if !self.words.iter().any(has_space) {
            return Ok(vec![known_words(&self.words, vocabulary)?]);
        }
        let count = self.words.len();
        if count > MAX_SENTENCES {
            let message = format!("{count} sentences: a picture has space for {MAX_SENTENCES}; pass fewer sentences");
            return Err(UsageError(message).into());
        }
        self.words.iter().map(|sentence| known_words(std::slice::from_ref(sentence), vocabulary)).collect()
    }
}

fn hidden_states(model: &TextRnn, words: Vec<&'static str>, vocabulary: &Vocabulary) -> Result<Gates<Words>> {
    let _guard = tch::no_grad_guard();
    let trace = model.trace(&model.zero_hidden(1)?, &batch_of_one(&words, vocabulary, model.device())?)?;
    let layers = LayerGates::from_trace(&trace, model.rnn().num_layers(), 1)?;
    let next = next_word(model, &words, vocabulary)?;
    Ok(Gates { input: Words { words, predicted: next.predicted, probabilities: next.probabilities }, layers })
}

/// For each sentence the hidden state after each word, and below it the probabilities after the last word.
fn picture(sentences: &[Gates<Words>], vocabulary: &Vocabulary) -> GateMaps {
    let arrow = |Words { words, predicted, .. }: &Words| format!("{} → {predicted}", words.join(" "));
    let (title, headings) = match sentences {
        [only] => (arrow(&only.input), false),
        _ => ("the hidden state and the next word".to_owned(), true),
    };
    let empty = GateMaps::new(format!("text-rnn: {title}"), "word", Vec::new());
    sentences.iter().fold(empty, |picture, gates| {
        let Words { words, probabilities, .. } = &gates.input;
        let heading = if headings { arrow(&gates.input) } else { String::new() };
        let picture = picture.step_names(words.iter().map(ToString::to_string).collect());
        let picture = gates.columns(picture, &[(&heading, "h")]);
        let share = |word: &&str| {
            let found = probabilities.iter().find(|it| it.word == *word);
            found.map_or(f32::NAN, |it| it.probability as f32)
        };
        // The network is trained to predict after the last word only. NaN leaves the other steps empty.
        let mut values = vec![vec![f32::NAN; vocabulary.len()]; words.len() - 1];
        values.push(vocabulary.words().iter().map(share).collect());
        let names = vocabulary.words().iter().map(ToString::to_string).collect();
        picture.below(GateMap::new("p = softmax(h_T W + b), in %", Scale::Probability, values).rows(names))
    })
}
