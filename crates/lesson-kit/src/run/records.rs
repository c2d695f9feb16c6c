//! The files that describe a run: `config.json`, the lines of `metrics.jsonl`, `summary.json`.
//!
//! Losses stay `f32`: serde_json prints the shortest text that reads back as the same `f32`.

use recurrent::Backend;
use serde::Serialize;

use crate::args::Options;
use crate::{Lesson, WorkerGroup};

/// `config.json`: everything that the run depends on.
#[derive(Serialize)]
pub(crate) struct Config<'a, O: Serialize, E: Serialize> {
    lesson: &'a str,
    #[serde(flatten)]
    options: &'a O,
    device: &'a str,
    threads: i32,
    /// The number of workers, under torchrun.
    #[serde(skip_serializing_if = "Option::is_none")]
    processes: Option<usize>,
    /// Values that only this lesson has.
    #[serde(flatten)]
    extra: E,
    versions: Versions<'a>,
}

#[derive(Serialize)]
struct Versions<'a> {
    torch: &'a str,
    lesson: &'a str,
    lesson_kit: &'a str,
}

impl<'a, O: Options, E: Serialize> Config<'a, O, E> {
    /// The configuration of a run with libtorch's current number of threads.
    pub fn new(lesson: &'a Lesson, options: &'a O, device: &'a str, workers: &WorkerGroup, extra: E) -> Self {
        Config {
            lesson: lesson.name,
            options,
            device,
            threads: tch::get_num_threads(),
            processes: workers.is_distributed().then(|| workers.world_size()),
            extra,
            versions: Versions {
                torch: torch_ext::libtorch::REQUIRED,
                lesson: lesson.version,
                lesson_kit: env!("CARGO_PKG_VERSION"),
            },
        }
    }
}

/// A line of `metrics.jsonl`.
#[derive(Serialize)]
pub(crate) struct EpochRecord<'a, E: Serialize> {
    /// Counted from 1.
    pub epoch: u32,
    /// The epoch's loss; over batches, their mean.
    pub loss: f32,
    /// Further metrics of the lesson.
    #[serde(flatten)]
    pub extra: E,
    /// The loss of every batch, in order.
    #[serde(skip_serializing_if = "<[f32]>::is_empty")]
    pub batch_losses: &'a [f32],
}

/// `summary.json`: the final figures.
#[derive(Serialize)]
pub(crate) struct Summary<'a, E: Serialize> {
    /// Epochs trained.
    pub epochs: u32,
    /// The last epoch's loss.
    pub final_loss: f32,
    /// The seed.
    pub seed: i64,
    /// The device's name in torch.
    pub device: &'a str,
    /// Implementation of the recurrent layers.
    #[serde(serialize_with = "crate::args::as_text")]
    pub backend: Backend,
    /// Wall-clock time of the training loop, to the microsecond; without the wait for its last checkpoint.
    pub train_seconds: f64,
    /// The lesson's own figures.
    #[serde(flatten)]
    pub extra: E,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_f32_reads_back_as_itself() {
        // Every 65,537th bit pattern.
        let patterns = (0..=u32::MAX).step_by(65_537).map(f32::from_bits).filter(|loss| loss.is_finite());
        for loss in patterns.chain([0.509_339_9, 0.009_441_572]) {
            let line =
                serde_json::to_string(&EpochRecord { epoch: 1, loss, extra: (), batch_losses: &[loss] }).unwrap();
            let read: serde_json::Value = serde_json::from_str(&line).unwrap();
            // Python reads a float64 and rounds it to float32.
            let back = read["loss"].as_f64().unwrap() as f32;
            assert_eq!(back.to_bits(), loss.to_bits(), "{line}");
            assert_eq!((read["batch_losses"][0].as_f64().unwrap() as f32).to_bits(), loss.to_bits(), "{line}");
        }
    }

    #[test]
    fn a_line_is_short_and_contains_the_extras() {
        let plain = EpochRecord { epoch: 1, loss: 1.943_075_1, extra: (), batch_losses: &[] };
        assert_eq!(serde_json::to_string(&plain).unwrap(), r#"{"epoch":1,"loss":1.9430751}"#);
        let more = EpochRecord {
            epoch: 2,
            loss: 0.1,
            extra: [("valid_loss", 0.2f32)].into_iter().collect::<std::collections::BTreeMap<_, _>>(),
            batch_losses: &[0.3],
        };
        assert_eq!(
            serde_json::to_string(&more).unwrap(),
            r#"{"epoch":2,"loss":0.1,"valid_loss":0.2,"batch_losses":[0.3]}"#
        );
    }
}
