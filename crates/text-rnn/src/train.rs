//! The training loop of the slide, with its statements in the same order.

use anyhow::Result;
use lesson_kit::Run;
use tch::Reduction;
use torch_ext::autograd::backward;
use torch_ext::nn::cross_entropy;
use torch_ext::optim::{Adam, AdamOptions};

use crate::data::Batch;
use crate::model::TextRnn;

/// Trains on the whole batch at every epoch; prints the cost every hundred epochs.
///
/// # Errors
/// If the loss is NaN or infinite, or a file cannot be written.
pub fn train(run: &mut Run, model: &TextRnn, batch: &Batch, lr: f64) -> Result<()> {
    let parameters = model.named_parameters();
    let options = AdamOptions { lr, ..AdamOptions::default() };
    let mut optimizer = Adam::new(parameters.iter().map(|(_, tensor)| tensor), options)?;
    run.begin(&parameters, &mut optimizer)?;

    for epoch in run.epochs() {
        let hidden = model.zero_hidden(batch.target.size()[0])?;
        let output = model.forward(&hidden, &batch.input)?;
        let loss = cross_entropy(&output, &batch.target, Reduction::Mean)?;

        let cost = f32::try_from(&loss)?;
        if epoch % 100 == 0 {
            run.session().print(format_args!("Epoch: {epoch:04} cost = {cost:.6}"))?;
        }
        run.record(epoch, cost)?;

        optimizer.zero_grad()?;
        backward(&loss)?;
        optimizer.step()?;
        run.checkpoint(epoch, &optimizer)?;
    }
    run.save_model(&parameters)?;
    run.session().print("OPTIMIZATION FINISHED")
}
