//! The training loop: the corpus is read in order, and gradients go back through `--bptt` steps.

use anyhow::Result;
use lesson_kit::{Run, cross_entropy, metrics};
use serde::Serialize;
use tch::{Reduction, Tensor};
use torch_ext::autograd::backward;
use torch_ext::optim::{Adam, AdamOptions, Exponential, ExponentialLr, clip_grad_norm_};

use crate::data::{Vocabulary, pieces};
use crate::evaluate::{mean_by_step, mean_loss};
use crate::model::{LanguageModel, State};
use crate::trained;

/// The corpus in columns, as the loop reads it.
#[derive(Debug)]
pub struct Columns {
    /// To learn from, (steps, columns).
    pub train: Tensor,
    /// To find the best epoch with, (steps, columns).
    pub valid: Tensor,
    /// To watch, and to decide nothing with, (steps, columns).
    pub test: Tensor,
}

/// How to train.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Adam's learning rate in the first epoch.
    pub lr: f64,
    /// By what it is multiplied after every epoch.
    pub lr_decay: f64,
    /// The longest gradient, as a vector of all parameters.
    pub clip: f64,
    /// Steps through which gradients go back.
    pub bptt: i64,
    /// Pieces of the corpus in an epoch; `None`: all.
    pub limit: Option<usize>,
}

/// What a line of `metrics.jsonl` has beside the loss.
#[derive(Serialize)]
struct Metrics {
    valid_loss: f32,
    train_perplexity: f64,
    valid_perplexity: f64,
    test_perplexity: f64,
    lr: f64,
}

/// Trains; says the perplexities of every epoch, and leaves the model as it was at its best on the validation part.
/// Returns the validation losses.
///
/// # Errors
/// If a loss is no longer a number, or a record cannot be written.
pub fn train(
    run: &mut Run,
    model: &mut LanguageModel,
    columns: &Columns,
    vocabulary: &Vocabulary,
    options: &Options,
) -> Result<Vec<f32>> {
    let &Options { lr, lr_decay, clip, bptt, limit } = options;
    let parameters = model.named_parameters();
    let tensors = parameters.iter().map(|(_, tensor)| tensor);
    let adam = AdamOptions { lr, ..AdamOptions::default() };
    let mut optimizer = Adam::new(tensors, adam)?;
    let mut scheduler = ExponentialLr::new(&mut optimizer, Exponential { gamma: lr_decay })?;
    run.begin(&parameters, (&mut optimizer, &mut scheduler))?;

    let mut valid_losses = Vec::new();
    for epoch in run.epochs() {
        let mut train_pieces = pieces(&columns.train, bptt)?;
        train_pieces.truncate(limit.unwrap_or(usize::MAX));
        let loss = learn(run, model, epoch, train_pieces, &mut optimizer, clip)?;
        let valid_loss = mean_loss(model, &columns.valid)?;
        let test_loss = mean_loss(model, &columns.test)?;
        let [train_perplexity, valid_perplexity, test_perplexity] =
            [loss, valid_loss, test_loss].map(metrics::perplexity);
        let lr = scheduler.last_lr()[0];
        scheduler.step(&mut optimizer);

        valid_losses.push(valid_loss as f32);
        let metrics =
            Metrics { valid_loss: valid_loss as f32, train_perplexity, valid_perplexity, test_perplexity, lr };
        run.record_validated(epoch, loss as f32, valid_loss as f32, metrics)?;
        let [train, valid, test] = [train_perplexity, valid_perplexity, test_perplexity]
            .map(|perplexity| metrics::format_perplexity(perplexity, 2));
        run.say(format_args!(
            "Epoch: {epoch:04} perplexity = {train}, on the validation part {valid}, on the test part {test}"
        ))?;
        run.save_text(trained::VOCABULARY, &trained::vocabulary_file(vocabulary)?)?;
        run.checkpoint(epoch, (&optimizer, &scheduler))?;
    }
    run.load_best()?;
    run.save_model(&parameters)?;
    run.say("OPTIMIZATION FINISHED")?;
    Ok(valid_losses)
}

/// An epoch: reads the corpus once from its begin, and returns the mean loss over all steps.
///
/// The state is carried from piece to piece, and detached: the network remembers what came before, but the gradient ends
/// where the piece begins (truncated back-propagation through time).
fn learn(
    run: &mut Run,
    model: &mut LanguageModel,
    epoch: u32,
    train_pieces: Vec<(Tensor, Tensor)>,
    optimizer: &mut Adam,
    clip: f64,
) -> Result<f64> {
    let parameters = model.named_parameters();
    model.train();
    let mut lengths = Vec::new();
    let mut state: Option<State> = None;
    for (words, targets) in run.batches_in_order(train_pieces) {
        let (scores, after) = model.forward(&words, state.as_ref())?;
        state = Some(after.detach());
        let loss = cross_entropy(&scores, &targets, Reduction::Mean)?;

        optimizer.zero_grad()?;
        backward(&loss)?;
        let loss = run.average(&loss)?; // and the gradients, if torchrun has started several processes
        let _norm = clip_grad_norm_(parameters.iter().map(|(_, tensor)| tensor), clip, 2.0)?;
        optimizer.step()?;

        run.record_batch(epoch, &loss)?;
        lengths.push(words.size()[0]);
    }
    let losses = run.batch_losses()?.iter().map(|&loss| f64::from(loss));
    Ok(mean_by_step(&lengths, losses))
}
