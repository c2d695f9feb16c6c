//! The training loop of the slide, with its statements in the same order.

use anyhow::Result;
use lesson_kit::Run;
use tch::Reduction;
use torch_ext::autograd::backward;
use torch_ext::data::ShuffledBatches;
use torch_ext::nn::cross_entropy;
use torch_ext::optim::{Adam, AdamOptions};

use crate::data::TensorDataset;
use crate::model::MnistNn;

/// Trains batch by batch; prints the mean of the batch losses after every epoch. The printed epochs start at 0, as on the
/// slide.
///
/// `zero_grad`, `backward` and `step` belong to every batch; the slide's indentation is wrong there.
///
/// # Errors
/// If a loss is NaN or infinite, or a file cannot be written.
pub fn train(
    run: &mut Run,
    model: &mut MnistNn,
    data: &TensorDataset,
    train_loader: &ShuffledBatches,
    lr: f64,
) -> Result<()> {
    let parameters = model.named_parameters();
    let options = AdamOptions { lr, ..AdamOptions::default() };
    let mut optimizer = Adam::new(parameters.iter().map(|(_, tensor)| tensor), options)?;
    run.begin(&parameters, &mut optimizer)?;

    model.train();
    for epoch in run.epochs() {
        let mut batches = run.batches(train_loader)?;
        for indices in batches.by_ref() {
            let (inputs, targets) = data.batch(&indices)?;
            let outputs = model.forward(&inputs)?;
            let loss = cross_entropy(&outputs, &targets, Reduction::Mean)?;

            optimizer.zero_grad()?;
            backward(&loss)?;
            let loss = run.average(&loss)?; // and the gradients, if torchrun has started several processes
            run.record_batch(epoch, &loss)?;
            optimizer.step()?;
        }
        // After Ctrl-C batches are missing: an incomplete epoch has no mean.
        if batches.len() == 0 {
            let losses = run.batch_losses()?;
            let avg_loss = losses.iter().sum::<f32>() / losses.len() as f32;
            run.session().print(format_args!("Epoch: {:04} Loss = {avg_loss:.6}", epoch - 1))?;
            run.record(epoch, avg_loss)?;
        }
        run.checkpoint(epoch, &optimizer)?;
    }
    run.save_model(&parameters)?;
    run.session().print("OPTIMIZATION FINISHED")
}
