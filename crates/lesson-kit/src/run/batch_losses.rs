//! The losses of batches: taken as tensors, read when that costs little.

use anyhow::Result;
use tch::Tensor;

use super::Run;

impl Run {
    /// Takes the loss of a batch, one f32; it goes into the epoch's record and the plot.
    ///
    /// On a CPU, and under torchrun, the number is read and looked at now. On a GPU that would make program and GPU wait for each
    /// other at every batch: there, losses are read fifty at a time, and at the latest when the epoch is recorded or saved.
    ///
    /// # Errors
    /// If a loss is not finite: training is over, the last good parameters are saved.
    pub fn record_batch(&mut self, epoch: u32, loss: &Tensor) -> Result<()> {
        if self.unread.push(epoch, loss)? { self.read_batch_losses() } else { Ok(()) }
    }

    /// The losses of this epoch's batches so far: none at its begin, but where a resumed run goes on within it.
    ///
    /// # Errors
    /// As [`Run::record_batch`], for those that were not read yet.
    pub fn batch_losses(&mut self) -> Result<&[f32]> {
        self.read_batch_losses()?;
        Ok(self.losses.open_batches())
    }

    /// Reads what [`Run::record_batch`] has taken.
    pub(super) fn read_batch_losses(&mut self) -> Result<()> {
        let (epoch, losses) = self.unread.read()?;
        for loss in losses {
            self.check_finite(epoch, loss)?;
            self.losses.push_batch(loss);
            self.console.progress().batch(self.losses.open_batches().len(), self.batches_in_epoch, loss);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use tch::Tensor;
    use torch_ext::optim::{Sgd, SgdOptions};

    use crate::unread::Unread;
    use crate::{Defaults, Lesson, Run, TrainArgs, parse};

    const LESSON: Lesson = Lesson {
        name: "unread",
        version: "0.0.0",
        defaults: Defaults { epochs: 2, lr: 0.1, hidden_size: 1, num_layers: 1, batch_size: Some(1) },
        pictures: &[],
        tolerances: &[],
        fused_losses: None,
    };

    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        train: TrainArgs,
    }

    /// A run that reads as many losses `together`, as on a GPU.
    fn run(out: &Path, together: usize) -> Run {
        let arguments = format!("unread -q --device cpu --no-plots --out {}", out.display());
        let (cli, _) = parse::<Cli>(&LESSON, arguments.split_whitespace()).unwrap();
        let mut run = Run::start(&LESSON, &cli.train, ()).unwrap();
        run.unread = Unread::after(together);
        run
    }

    /// Two epochs of five batches; `losses` are those of all. Ctrl-C's part is left out: another test here raises the signal.
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
    fn a_run_that_reads_late_leaves_what_one_leaves_that_reads_at_once() {
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
    fn a_loss_that_is_read_late_and_no_number_ends_the_run() {
        let mut losses = [1.0; 10];
        losses[6] = f32::NAN;
        for together in [1, 3, 50] {
            let folder = tempfile::tempdir().unwrap();
            let message = train(&mut run(folder.path(), together), &losses).unwrap_err().to_string();
            assert!(message.starts_with("the loss is NaN in epoch 2; try a smaller --lr"), "{message}");
            assert!(message.ends_with("when epoch 1 was recorded, still good"), "{message}");
        }
    }
}
