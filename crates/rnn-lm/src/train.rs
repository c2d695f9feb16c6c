//! The training loop, with truncated back-propagation through time over `--bptt` steps.

use anyhow::Result;
use lesson_kit::{Run, metrics};
use recurrent::AnyState;
use serde::Serialize;
use tch::Tensor;
use torch_ext::autograd::backward;
use torch_ext::optim::{Adam, AdamOptions, Exponential, ExponentialLr, clip_grad_norm_};

use crate::commands::eval::{mean_by_step, mean_loss};
use crate::data::{Vocabulary, pieces};
use crate::model::LanguageModel;
use crate::vocabulary_file;

/// The parts of the corpus, each as (steps, columns).
#[derive(Debug)]
pub struct Columns {
    /// For training.
    pub train: Tensor,
    /// For choosing the best epoch.
    pub valid: Tensor,
    /// For the printed test perplexity. It has no effect on training.
    pub test: Tensor,
}

/// The options of the loop.
#[derive(Debug, Clone, Copy)]
pub struct TrainOptions {
    /// Adam's learning rate in the first epoch.
    pub lr: f64,
    /// Factor of the learning rate after every epoch.
    pub lr_decay: f64,
    /// The largest norm of the gradient of all parameters.
    pub clip: f64,
    /// Number of steps of back-propagation through time.
    pub bptt: i64,
    /// Number of pieces of the corpus in an epoch; `None`: all.
    pub limit: Option<usize>,
}

/// The values in a line of `metrics.jsonl` besides the loss.
#[derive(Serialize)]
struct Metrics {
    valid_loss: f32,
    train_perplexity: f64,
    valid_perplexity: f64,
    test_perplexity: f64,
    lr: f64,
}

/// Trains, and prints the perplexities of every epoch. At the end the model has the parameters of the epoch with the
/// lowest validation loss.
///
/// # Errors
/// If a loss is NaN or infinite, or a file cannot be written.
pub fn train(
    run: &mut Run,
    model: &mut LanguageModel,
    columns: &Columns,
    vocabulary: &Vocabulary,
    options: &TrainOptions,
) -> Result<()> {
    let &TrainOptions { lr, lr_decay, clip, bptt, limit } = options;
    let parameters = model.named_parameters();
    let tensors = parameters.iter().map(|(_, tensor)| tensor);
    let adam = AdamOptions { lr, ..AdamOptions::default() };
    let mut optimizer = Adam::new(tensors, adam)?;
    let mut scheduler = ExponentialLr::new(&mut optimizer, Exponential { gamma: lr_decay })?;
    run.begin(&parameters, (&mut optimizer, &mut scheduler))?;

    for epoch in run.epochs() {
        let mut train_pieces = pieces(&columns.train, bptt)?;
        train_pieces.truncate(limit.unwrap_or(usize::MAX));
        let Some(loss) = train_epoch(run, model, epoch, train_pieces, &mut optimizer, clip)? else {
            // After Ctrl-C. A model needs its vocabulary.
            if !run.batch_losses()?.is_empty() {
                run.save_text(vocabulary_file::NAME, &vocabulary_file::content(vocabulary)?)?;
            }
            run.checkpoint(epoch, (&optimizer, &scheduler))?;
            continue;
        };
        let valid_loss = mean_loss(model, &columns.valid, run.session().workers())?;
        let test_loss = mean_loss(model, &columns.test, run.session().workers())?;
        let [train_perplexity, valid_perplexity, test_perplexity] =
            [loss, valid_loss, test_loss].map(metrics::perplexity);
        let lr = scheduler.last_lr()[0];
        scheduler.step(&mut optimizer);

        let valid_loss = valid_loss as f32;
        let metrics = Metrics { valid_loss, train_perplexity, valid_perplexity, test_perplexity, lr };
        run.record_validated(epoch, loss as f32, valid_loss, metrics)?;
        let [train, valid, test] = [train_perplexity, valid_perplexity, test_perplexity]
            .map(|perplexity| metrics::format_perplexity(perplexity, 2));
        run.session().print(format_args!(
            "Epoch: {epoch:04} perplexity = {train}, on the validation part {valid}, on the test part {test}"
        ))?;
        run.save_text(vocabulary_file::NAME, &vocabulary_file::content(vocabulary)?)?;
        run.checkpoint(epoch, (&optimizer, &scheduler))?;
    }
    run.load_best()?;
    run.save_model(&parameters)?;
    run.session().print("OPTIMIZATION FINISHED")
}

/// Reads the training part once, in order, and returns the mean loss over all steps; `None` if Ctrl-C ended the epoch early.
///
/// The state is carried from piece to piece and detached. It depends on all earlier words, but gradients stop at the
/// start of the piece (truncated back-propagation through time).
fn train_epoch(
    run: &mut Run,
    model: &mut LanguageModel,
    epoch: u32,
    train_pieces: Vec<(Tensor, Tensor)>,
    optimizer: &mut Adam,
    clip: f64,
) -> Result<Option<f64>> {
    let parameters = model.named_parameters();
    model.train();
    let lengths: Vec<i64> = train_pieces.iter().map(|(words, _)| words.size()[0]).collect();
    let mut carried = run.carried()?.into_iter();
    let mut state = carried.next().map(|h| AnyState { h, c: carried.next() });
    let mut batches = run.batches_in_order(train_pieces)?;
    for (words, targets) in batches.by_ref() {
        let (loss, next_state) = model.loss(&words, &targets, state.as_ref())?;
        state = Some(next_state.detach());

        optimizer.zero_grad()?;
        backward(&loss)?;
        let loss = run.average(&loss)?; // and the gradients, if torchrun has started several processes
        let _norm = clip_grad_norm_(parameters.iter().map(|(_, tensor)| tensor), clip, 2.0)?;
        optimizer.step()?;

        run.record_batch(epoch, &loss)?;
    }
    if batches.len() > 0 {
        run.carry(state.into_iter().flat_map(|AnyState { h, c }| [Some(h), c]).flatten().collect());
        return Ok(None);
    }
    let losses = run.batch_losses()?.iter().map(|&loss| f64::from(loss));
    Ok(Some(mean_by_step(&lengths[..batches.in_epoch()], losses)))
}
