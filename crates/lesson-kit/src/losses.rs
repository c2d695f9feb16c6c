//! The losses of a run so far, and the picture of them.

use crate::plot::{Line, LineChart};

/// Losses by epoch and by batch.
#[derive(Debug, Default)]
pub struct Losses {
    epochs: Vec<(u32, f32)>,
    batches: Vec<(f64, f32)>,
    /// The batches of the epoch that is not yet recorded.
    open: Vec<f32>,
}

impl Losses {
    /// Notes the loss of one more batch of the current epoch.
    pub fn push_batch(&mut self, loss: f32) {
        self.open.push(loss);
    }

    /// The batch losses of the current epoch.
    pub fn open_batches(&self) -> &[f32] {
        &self.open
    }

    /// Closes the current epoch.
    pub fn push_epoch(&mut self, epoch: u32, loss: f32) {
        self.epochs.push((epoch, loss));
        let count = self.open.len() as f64;
        let begin = f64::from(epoch) - 1.0;
        let place = |(index, loss): (usize, f32)| (begin + (index + 1) as f64 / count, loss);
        self.batches.extend(self.open.drain(..).enumerate().map(place));
    }

    /// The last recorded epoch and its loss.
    pub fn last(&self) -> Option<(u32, f32)> {
        self.epochs.last().copied()
    }

    /// The losses of the whole epochs, and of their batches.
    pub fn all(&self) -> (Vec<f32>, Vec<f32>) {
        (self.epochs.iter().map(|&(_, loss)| loss).collect(), self.batches.iter().map(|&(_, loss)| loss).collect())
    }

    /// Loss over epochs; where there are batches, theirs behind it.
    pub fn chart(&self, lesson: &str) -> LineChart {
        let points = |&(x, loss): &(f64, f32)| (x, f64::from(loss));
        let by_epoch = self.epochs.iter().map(|&(epoch, loss)| (f64::from(epoch), f64::from(loss))).collect();
        let chart = LineChart::new(format!("{lesson}: training loss"), "epoch", "loss");
        if self.batches.is_empty() {
            chart.line(Line::new("loss", by_epoch))
        } else {
            chart
                .line(Line::new("batch", self.batches.iter().map(points).collect()).pale())
                .line(Line::new("epoch mean", by_epoch))
        }
    }
}
