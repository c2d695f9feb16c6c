//! The perplexity on text that training does not use.

use anyhow::{Context, Result};
use lesson_kit::metrics::{self, format_perplexity};
use lesson_kit::{Evaluation, WorkerGroup, copy_to_host};
use recurrent::AnyState;
use serde::Serialize;
use tch::{Device, Tensor};

use crate::data::{Corpus, Part, Vocabulary, batchify, pieces};
use crate::model::LanguageModel;

/// Number of columns of a text for evaluation; fewer if it is short. Fixed, like [`STEPS`], so that the score of a model does not
/// depend on the options of its training.
const COLUMNS: usize = 10;
/// Number of steps of a piece.
const STEPS: i64 = 35;

/// The lecture's sentence; the next word is predicted.
pub const PROMPT: &str = "as the proctor started the clock , the students opened their";

/// The scores of a model.
#[derive(Debug, Serialize)]
pub struct Scores {
    /// Number of words in the vocabulary.
    pub vocab: usize,
    /// Perplexity on the validation part, which selects the best epoch.
    pub valid_perplexity: f64,
    /// Perplexity on the test part, which has no effect on training.
    pub test_perplexity: f64,
    /// The share of the test part that is not in the vocabulary, 0 to 1.
    pub test_unknown: f64,
    /// The scores of all words after [`PROMPT`]; not in `summary.json`.
    #[serde(skip)]
    pub next_word: Tensor,
}

impl Evaluation for Scores {
    fn lines(&self) -> Vec<String> {
        let Scores { vocab, valid_perplexity, test_perplexity, test_unknown, .. } = self;
        vec![
            format!("vocabulary = {vocab}; {:.1} % of the test part is not in it", 100.0 * test_unknown),
            format!("validation perplexity = {}", format_perplexity(*valid_perplexity, 2)),
            format!("test perplexity = {}", format_perplexity(*test_perplexity, 2)),
        ]
    }

    fn tensors(&self) -> Result<Vec<(&'static str, &'static str, Tensor)>> {
        let (_, most_likely) = self.next_word.f_topk(self.vocab.min(10) as i64, 0, true, true)?;
        Ok(vec![
            ("predictions", "words", most_likely),
            ("predictions", "scores", self.next_word.shallow_clone()),
            ("scores", "valid_perplexity", Tensor::from(self.valid_perplexity)),
            ("scores", "test_perplexity", Tensor::from(self.test_perplexity)),
        ])
    }
}

/// Arranges a part of the corpus in columns for [`mean_loss`].
///
/// # Errors
/// If the part has fewer than two tokens.
pub fn columns(part: Part<'_>, name: &str, vocabulary: &Vocabulary, device: Device) -> Result<Tensor> {
    let columns = COLUMNS.min(part.len() / 2).max(1) as i64;
    let arranged = batchify(&vocabulary.encode_part(part), columns, device);
    arranged.with_context(|| format!("the corpus is too short: its {name} part, a tenth of it, has too few tokens"))
}

/// Scores the model on the validation and the test part.
///
/// # Errors
/// If a part is too short.
pub fn evaluate(
    model: &mut LanguageModel,
    corpus: &Corpus,
    vocabulary: &Vocabulary,
    workers: &WorkerGroup,
) -> Result<Scores> {
    let mut perplexity = |part, name| -> Result<f64> {
        let columns = columns(part, name, vocabulary, model.device())?;
        Ok(metrics::perplexity(mean_loss(model, &columns, workers)?))
    };
    let valid_perplexity = perplexity(corpus.valid(), "validation")?;
    let test_perplexity = perplexity(corpus.test(), "test")?;
    let unknown = vocabulary.encode_part(corpus.test()).iter().filter(|&&number| number == 0).count();
    let prompt = vocabulary.encode(&vocabulary.unit().split(PROMPT));
    Ok(Scores {
        vocab: vocabulary.len(),
        valid_perplexity,
        test_perplexity,
        test_unknown: unknown as f64 / corpus.test().len() as f64,
        next_word: next_word_scores(model, &prompt, None)?.0,
    })
}

/// The mean cross-entropy over all steps of `columns`, (steps, columns). Under torchrun each worker computes its share of the
/// columns.
pub fn mean_loss(model: &mut LanguageModel, columns: &Tensor, workers: &WorkerGroup) -> Result<f64> {
    let _guard = tch::no_grad_guard();
    model.eval();
    let (mut lengths, mut losses, mut state) = (Vec::new(), Vec::new(), None);
    let columns = &workers.shard(columns, 1)?;
    let count = columns.size()[1];
    let pieces = if count > 0 { pieces(columns, STEPS)? } else { Vec::new() };
    for (words, targets) in pieces {
        let (loss, next_state) = model.loss(&words, &targets, state.as_ref())?;
        state = Some(next_state);
        losses.push(loss);
        lengths.push(words.size()[0]);
    }
    let losses = copy_to_host::<f32>(&losses)?;
    workers.weighted_mean(mean_by_step(&lengths, losses.into_iter().map(f64::from)), count as f64)
}

/// The mean over all steps of pieces with these lengths and mean losses.
pub fn mean_by_step(lengths: &[i64], losses: impl Iterator<Item = f64>) -> f64 {
    let sum = lengths.iter().zip(losses).map(|(&steps, loss)| steps as f64 * loss).sum::<f64>();
    sum / lengths.iter().sum::<i64>() as f64
}

/// Scores of every word of the vocabulary to follow `numbers`: shape (words,), and the last state.
///
/// # Errors
/// If `numbers` is empty.
pub fn next_word_scores(
    model: &mut LanguageModel,
    numbers: &[i64],
    state: Option<&AnyState>,
) -> Result<(Tensor, AnyState)> {
    let _guard = tch::no_grad_guard();
    model.eval();
    let words = Tensor::from_slice(numbers).f_view([-1, 1])?.f_to_device(model.device())?;
    let (scores, state) = model.forward(&words, state)?;
    Ok((scores.f_get(-1)?.f_to_device(Device::Cpu)?, state))
}
