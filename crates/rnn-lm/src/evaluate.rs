//! The perplexity on text that the network has not learned from.

use anyhow::{Context, Result};
use lesson_kit::compare::Results;
use lesson_kit::metrics::{self, format_perplexity};
use lesson_kit::{cross_entropy, processes, read_together};
use serde::Serialize;
use tch::{Device, Reduction, Tensor};

use crate::data::{Corpus, Vocabulary, batchify, pieces};
use crate::model::{LanguageModel, State};

/// Columns in which a text is scored; fewer where it is short. Fixed, as the next, so that the score of a model does not
/// depend on how it was trained.
const COLUMNS: usize = 10;
/// Steps of the pieces in which they are read.
const STEPS: i64 = 35;

/// The lecture's sentence, whose next word is asked for.
pub const PROMPT: &str = "as the proctor started the clock , the students opened their";

/// The figures of `summary.json`.
#[derive(Debug, Serialize)]
pub struct Evaluation {
    /// Words in the vocabulary.
    pub vocab: usize,
    /// On the part that chose the epoch.
    pub valid_perplexity: f64,
    /// On the part that chose nothing.
    pub test_perplexity: f64,
    /// The share of the test part that the vocabulary lacks, 0 to 1.
    pub test_unknown: f64,
    /// The scores of all words after [`PROMPT`]; not in `summary.json`.
    #[serde(skip)]
    pub scores: Tensor,
}

impl Evaluation {
    /// What the notebook has beside it.
    ///
    /// # Errors
    /// If libtorch cannot copy a tensor.
    pub fn compared(&self, results: &mut Results) -> Result<()> {
        results.add("predictions", "words", &self.scores.f_topk(self.vocab.min(10) as i64, 0, true, true)?.1)?;
        results.add("predictions", "scores", &self.scores)?;
        results.add("scores", "valid_perplexity", &Tensor::from(self.valid_perplexity))?;
        results.add("scores", "test_perplexity", &Tensor::from(self.test_perplexity))
    }

    /// The same for people.
    pub fn lines(&self) -> [String; 3] {
        let Evaluation { vocab, valid_perplexity, test_perplexity, test_unknown, .. } = self;
        [
            format!("vocabulary = {vocab}, which lacks {:.1} % of the test part", 100.0 * test_unknown),
            format!("validation perplexity = {}", format_perplexity(*valid_perplexity, 2)),
            format!("test perplexity = {}", format_perplexity(*test_perplexity, 2)),
        ]
    }
}

/// Lays a part out for [`mean_loss`].
///
/// # Errors
/// If it has fewer than two tokens.
pub fn columns(part: &[String], name: &str, vocabulary: &Vocabulary, device: Device) -> Result<Tensor> {
    let columns = COLUMNS.min(part.len() / 2).max(1) as i64;
    let laid_out = batchify(&vocabulary.encode(part), columns, device);
    laid_out.with_context(|| format!("the corpus is too short: its {name} part, a tenth of it, has too few tokens"))
}

/// Scores the model on the validation and the test part.
///
/// # Errors
/// If a part is too short, or libtorch refuses.
pub fn evaluate(model: &mut LanguageModel, corpus: &Corpus, vocabulary: &Vocabulary) -> Result<Evaluation> {
    let mut perplexity = |part, name| -> Result<f64> {
        let columns = columns(part, name, vocabulary, model.device())?;
        Ok(metrics::perplexity(mean_loss(model, &columns)?))
    };
    let valid_perplexity = perplexity(corpus.valid(), "validation")?;
    let test_perplexity = perplexity(corpus.test(), "test")?;
    let unknown = vocabulary.encode(corpus.test()).iter().filter(|&&number| number == 0).count();
    let prompt = vocabulary.encode(&vocabulary.unit().split(PROMPT));
    Ok(Evaluation {
        vocab: vocabulary.len(),
        valid_perplexity,
        test_perplexity,
        test_unknown: unknown as f64 / corpus.test().len() as f64,
        scores: read(model, &prompt, None)?.0,
    })
}

/// The mean cross-entropy over all steps of `columns`, (steps, columns).
///
/// # Errors
/// If libtorch refuses.
pub fn mean_loss(model: &mut LanguageModel, columns: &Tensor) -> Result<f64> {
    let _guard = tch::no_grad_guard();
    model.eval();
    let (mut lengths, mut losses) = (Vec::new(), Vec::new());
    let mut state: Option<State> = None;
    let columns = &processes::part(columns, 1)?;
    let count = columns.size()[1];
    let pieces = if count > 0 { pieces(columns, STEPS)? } else { Vec::new() };
    for (words, targets) in pieces {
        let (scores, after) = model.forward(&words, state.as_ref())?;
        state = Some(after);
        losses.push(cross_entropy(&scores, &targets, Reduction::Mean)?);
        lengths.push(words.size()[0]);
    }
    let losses = read_together::<f32>(&losses)?;
    processes::weighted_mean(mean_by_step(&lengths, losses.into_iter().map(f64::from)), count as f64)
}

/// The mean over all steps of pieces with these lengths and mean losses.
pub fn mean_by_step(lengths: &[i64], losses: impl Iterator<Item = f64>) -> f64 {
    let sum = lengths.iter().zip(losses).map(|(&steps, loss)| steps as f64 * loss).sum::<f64>();
    sum / lengths.iter().sum::<i64>() as f64
}

/// Reads `numbers`, and returns the scores of what may come next, (words,), with the state to go on from.
///
/// # Errors
/// If there are no numbers, or libtorch refuses.
pub fn read(model: &mut LanguageModel, numbers: &[i64], state: Option<&State>) -> Result<(Tensor, State)> {
    let _guard = tch::no_grad_guard();
    model.eval();
    let words = Tensor::from_slice(numbers).f_view([-1, 1])?.f_to_device(model.device())?;
    let (scores, state) = model.forward(&words, state)?;
    Ok((scores.f_get(-1)?.f_to_device(Device::Cpu)?, state))
}
