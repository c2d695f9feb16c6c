//! The losses of a run, and their plot.

use anyhow::{Context, Result, ensure};
use serde_json::Value as Json;

use crate::plot::{Line, LineChart};

/// A loss that falls by more than this factor is drawn on a logarithmic axis.
const LARGE_FACTOR: f64 = 30.0;

/// Losses by epoch and by batch.
#[derive(Debug, Default)]
pub(crate) struct LossHistory {
    epochs: Vec<(u32, f32)>,
    batches: Vec<(f64, f32)>,
    /// Losses on validation data, for the epochs that have one.
    valid: Vec<f32>,
    /// Batch losses of the current epoch.
    current: Vec<f32>,
}

impl LossHistory {
    /// Adds the loss of the next batch of the current epoch.
    pub fn push_batch(&mut self, loss: f32) {
        self.current.push(loss);
    }

    /// The batch losses of the current epoch.
    pub fn current_batches(&self) -> &[f32] {
        &self.current
    }

    /// Ends the current epoch.
    pub fn push_epoch(&mut self, epoch: u32, loss: f32) {
        self.epochs.push((epoch, loss));
        let count = self.current.len() as f64;
        let start = f64::from(epoch) - 1.0;
        let place = |(index, loss): (usize, f32)| (start + (index + 1) as f64 / count, loss);
        self.batches.extend(self.current.drain(..).enumerate().map(place));
    }

    /// Adds the loss on validation data.
    pub fn push_valid(&mut self, loss: f32) {
        self.valid.push(loss);
    }

    /// Adds an epoch from its line in `metrics.jsonl`.
    ///
    /// # Errors
    /// If the line is not the record of `epoch`.
    pub fn push_record(&mut self, line: &[u8], epoch: u32) -> Result<()> {
        let record: Json = serde_json::from_slice(line).context("not the record of an epoch")?;
        ensure!(record["epoch"].as_u64() == Some(epoch.into()), "the record of another epoch");
        let number = |value: &Json| value.as_f64().map(|number| number as f32).context("a loss is not a number");
        for batch in record["batch_losses"].as_array().into_iter().flatten() {
            self.push_batch(number(batch)?);
        }
        self.push_epoch(epoch, number(&record["loss"])?);
        Ok(())
    }

    /// The last recorded epoch and its loss.
    pub fn last(&self) -> Option<(u32, f32)> {
        self.epochs.last().copied()
    }

    /// Name and losses: `batch` and `valid` if there are any, and `epoch`.
    pub fn series(&self) -> Vec<(&'static str, Vec<f32>)> {
        let epochs = self.epochs.iter().map(|&(_, loss)| loss).collect();
        let batches = self.batches.iter().map(|&(_, loss)| loss).collect();
        let mut series = vec![("batch", batches), ("epoch", epochs), ("valid", self.valid.clone())];
        series.retain(|(name, losses)| *name == "epoch" || !losses.is_empty());
        series
    }

    /// Chart of the loss over the epochs. A loss that falls by a large factor has a logarithmic axis.
    ///
    /// With batch losses the mean of an epoch is a horizontal line over the batches of the epoch.
    pub fn chart(&self, lesson: &str) -> LineChart {
        let losses = || self.epochs.iter().map(|&(epoch, loss)| (f64::from(epoch), f64::from(loss)));
        let chart = LineChart::new(format!("{lesson}: training loss"), "epoch", "loss");
        let chart = if self.batches.is_empty() {
            chart.line(Line::new("loss", losses().collect()))
        } else {
            let batches = self.batches.iter().map(|&(x, loss)| (x, f64::from(loss)));
            let means = losses().map(|(epoch, mean)| (epoch - 1.0..epoch, mean));
            chart.line(Line::new("batch", batches.collect()).pale()).line(Line::steps("epoch mean", means))
        };
        let (low, high) =
            losses().fold((f64::INFINITY, 0.0_f64), |(low, high), (_, loss)| (low.min(loss), high.max(loss)));
        if low > 0.0 && high > LARGE_FACTOR * low { chart.log_y() } else { chart }
    }
}
