//! Recording of losses: by batch, and by epoch in `metrics.jsonl`.

use anyhow::{Context, Result};
use serde::Serialize;
use tch::Tensor;

use super::Run;
use super::records::EpochRecord;
use crate::file_names::METRICS;

impl Run {
    /// Records the loss of a batch: one f32, for the epoch's record and the plot.
    ///
    /// On a GPU losses are read 50 at a time, because each read waits for the GPU. The remaining ones are read when the epoch is
    /// recorded or saved.
    ///
    /// # Errors
    /// If a loss is NaN or infinite: training ends, and the last good parameters are saved.
    pub fn record_batch(&mut self, epoch: u32, loss: &Tensor) -> Result<()> {
        if self.deferred_losses.push(epoch, loss)? { self.read_deferred_losses() } else { Ok(()) }
    }

    /// The losses of the batches of the current epoch so far, including those before an interruption.
    ///
    /// # Errors
    /// The errors of [`Run::record_batch`], for losses that were not read yet.
    pub fn batch_losses(&mut self) -> Result<&[f32]> {
        self.read_deferred_losses()?;
        Ok(self.losses.current_batches())
    }

    pub(super) fn read_deferred_losses(&mut self) -> Result<()> {
        let (epoch, losses) = self.deferred_losses.read()?;
        for loss in losses {
            self.check_finite(epoch, loss)?;
            self.losses.push_batch(loss);
            self.session.progress().batch(self.losses.current_batches().len(), self.epoch.batches, loss);
        }
        Ok(())
    }

    /// Records the loss of an epoch: a line in `metrics.jsonl`, and progress. An epoch that Ctrl-C cut short is not recorded.
    ///
    /// # Errors
    /// If the loss is NaN or infinite (see [`Run::record_batch`]), or the line cannot be written.
    pub fn record(&mut self, epoch: u32, loss: f32) -> Result<()> {
        self.record_with(epoch, loss, ())
    }

    /// [`Run::record`] with more metrics: a map or a struct, whose fields are written after `epoch` and `loss`.
    pub fn record_with(&mut self, epoch: u32, loss: f32, extra: impl Serialize) -> Result<()> {
        self.record_epoch(epoch, loss, loss, extra)
    }

    /// [`Run::record_with`] with a loss on validation data, which determines the best epoch.
    pub fn record_validated(&mut self, epoch: u32, loss: f32, valid_loss: f32, extra: impl Serialize) -> Result<()> {
        self.record_epoch(epoch, loss, valid_loss, extra)?;
        if !self.control.is_cut_short() {
            self.losses.push_valid(valid_loss);
        }
        Ok(())
    }

    fn record_epoch(&mut self, epoch: u32, loss: f32, judged: f32, extra: impl Serialize) -> Result<()> {
        if self.control.is_cut_short() {
            return Ok(());
        }
        self.read_deferred_losses()?;
        self.check_finite(epoch, loss)?;
        self.check_finite(epoch, judged)?;
        let record = EpochRecord { epoch, loss, extra, batch_losses: self.losses.current_batches() };
        let line = serde_json::to_string(&record).context(METRICS)?;
        self.claim_folder()?;
        if let Some(folder) = &self.folder {
            folder.append_metrics(&line)?;
        }
        self.losses.push_epoch(epoch, loss);
        self.checkpoints.snapshots.take(epoch, judged)?;
        self.session.progress().epoch(epoch, loss);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use torch_ext::optim::{Sgd, SgdOptions};

    use super::super::deferred_losses::DeferredLosses;
    use super::*;
    use crate::{Defaults, Lesson, Program, RunArgs, parse};

    const LESSON: Lesson = Lesson {
        name: "deferred",
        version: "0.0.0",
        defaults: Defaults { epochs: 2, lr: 0.1, hidden_size: 1, num_layers: 1, batch_size: Some(1) },
        pictures: &[],
        texts: &[],
    };

    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        options: crate::Hyperparameters,
        #[command(flatten)]
        run: RunArgs,
    }

    /// A run that reads `together` losses at a time, as on a GPU.
    fn run(out: &Path, together: usize) -> Run {
        let arguments = format!("deferred -q --device cpu --no-plots --out {}", out.display());
        let (cli, _) = parse::<Cli>(&LESSON, arguments.split_whitespace()).unwrap();
        let mut run = Run::start(&Program::new(&LESSON), &cli.run, &cli.options, ()).unwrap();
        run.deferred_losses = DeferredLosses::with_batches_per_read(together);
        run
    }

    /// Trains two epochs of five batches, without the iterators that end after Ctrl-C: another test in this process raises the
    /// signal.
    fn train(run: &mut Run, losses: &[f32; 10]) -> anyhow::Result<()> {
        let weight = Tensor::from_slice(&[1f32]);
        let parameters = [("w".to_owned(), weight.shallow_clone())];
        let mut optimizer = Sgd::new([&weight], SgdOptions::default())?;
        run.begin(&parameters, &mut optimizer)?;
        for epoch in 1..=2 {
            for loss in &losses[5 * epoch as usize - 5..][..5] {
                run.record_batch(epoch, &Tensor::from(*loss))?;
            }
            let mean = run.batch_losses()?.iter().sum::<f32>() / 5.0;
            run.record(epoch, mean)?;
        }
        Ok(())
    }

    #[test]
    fn deferred_reading_gives_the_same_metrics() {
        let losses = [0.1, 0.2, 0.3, 0.7, 1e-8, 3.0, 2.0, 1.0 / 3.0, 5.0, 0.9];
        let [at_once, late, at_the_end] = [1, 3, 50].map(|together| {
            let folder = tempfile::tempdir().unwrap();
            train(&mut run(folder.path(), together), &losses).unwrap();
            fs::read_to_string(folder.path().join("metrics.jsonl")).unwrap()
        });
        assert!(at_once.lines().count() == 2 && at_once.contains("[0.1,0.2,0.3,0.7,1e-8]"), "{at_once}");
        assert_eq!((&at_once, &at_once), (&late, &at_the_end));
    }

    #[test]
    fn a_nan_that_is_read_late_ends_the_run() {
        let mut losses = [1.0; 10];
        losses[6] = f32::NAN;
        for together in [1, 3, 50] {
            let folder = tempfile::tempdir().unwrap();
            let message = train(&mut run(folder.path(), together), &losses).unwrap_err().to_string();
            assert!(message.starts_with("the loss is NaN in epoch 2; try a smaller --lr"), "{message}");
            assert!(message.ends_with("the parameters of epoch 1, the last good ones"), "{message}");
        }
    }
}
