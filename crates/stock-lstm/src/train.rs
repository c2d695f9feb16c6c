//! The training loop of the slide, with its statements in the same order.

use anyhow::Result;
use lesson_kit::Run;
use tch::Reduction;
use torch_ext::autograd::backward;
use torch_ext::nn::mse_loss;
use torch_ext::optim::{Adam, AdamOptions};

use crate::data::Windows;
use crate::model::StockRnn;

/// Trains on all windows at every epoch; prints the loss every hundred epochs.
///
/// # Errors
/// If the loss is NaN or infinite, or a file cannot be written.
pub fn train(run: &mut Run, model: &StockRnn, windows: &Windows, lr: f64) -> Result<()> {
    let parameters = model.named_parameters();
    let options = AdamOptions { lr, ..AdamOptions::default() };
    let mut optimizer = Adam::new(parameters.iter().map(|(_, tensor)| tensor), options)?;
    run.begin(&parameters, &mut optimizer)?;

    for epoch in run.epochs() {
        let hidden_and_cell = model.zero_state(windows.count())?;
        let output = model.forward(&hidden_and_cell, &windows.x)?;
        let loss = mse_loss(&output, &windows.y, Reduction::Mean)?;

        let value = f32::try_from(&loss)?;
        if epoch % 100 == 0 {
            run.session().print(format_args!("Epoch: {epoch:04} Loss = {value:.6}"))?;
        }
        run.record(epoch, value)?;

        optimizer.zero_grad()?;
        backward(&loss)?;
        optimizer.step()?;
        run.checkpoint(epoch, &optimizer)?;
    }
    run.save_model(&parameters)?;
    run.session().print("OPTIMIZATION FINISHED")
}
