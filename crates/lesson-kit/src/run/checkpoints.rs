//! Decides when a checkpoint is written, and which parameters are known to be good.

use std::fs::File;
use std::path::PathBuf;

use anyhow::Result;
use pt_file::Value;

use super::checkpoint_writer::AsyncCheckpointWriter;
use super::snapshots::ParameterSnapshots;

/// The checkpoints of a run. A checkpoint is written only after the next loss was finite, so a run that diverges keeps its last
/// good one.
#[derive(Debug)]
pub(crate) struct Checkpoints {
    pub snapshots: ParameterSnapshots,
    /// `--checkpoint-every`.
    every: Option<u32>,
    last_epoch: u32,
    /// `None` until the folder is claimed, and in a dry run.
    writer: Option<AsyncCheckpointWriter>,
    /// The checkpoint of the last step. It is good if its parameters give a finite loss.
    pending: Option<Value>,
}

/// When the state after an epoch is saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SaveTiming {
    /// Never.
    No,
    /// Once the next loss is finite.
    AfterNextLoss,
    /// At once, and the run waits for the disk: no epoch follows.
    Now,
}

impl SaveTiming {
    const ALL: [SaveTiming; 3] = [SaveTiming::No, SaveTiming::AfterNextLoss, SaveTiming::Now];

    /// As a number, to broadcast it.
    pub fn number(self) -> i64 {
        self as i64
    }

    /// The inverse of [`SaveTiming::number`].
    pub fn from_number(number: i64) -> SaveTiming {
        SaveTiming::ALL.into_iter().find(|due| due.number() == number).unwrap_or(SaveTiming::No)
    }
}

impl Checkpoints {
    /// The checkpoints of a run of `last_epoch` epochs. Nothing is written before [`Checkpoints::open`].
    pub fn new(every: Option<u32>, last_epoch: u32) -> Checkpoints {
        Checkpoints { snapshots: ParameterSnapshots::default(), every, last_epoch, writer: None, pending: None }
    }

    /// Sets the path of the checkpoint, and the metrics that are synced before it.
    pub fn open(&mut self, path: PathBuf, metrics: File) -> Result<()> {
        self.writer = Some(AsyncCheckpointWriter::start(path, metrics)?);
        Ok(())
    }

    /// When the state after `epoch` is saved. `stopping`: no epoch follows.
    ///
    /// # Errors
    /// If an earlier checkpoint could not be written.
    pub fn due(&mut self, epoch: u32, stopping: bool) -> Result<SaveTiming> {
        let Some(writer) = &mut self.writer else { return Ok(SaveTiming::No) };
        if stopping || epoch >= self.last_epoch {
            writer.wait()?;
            return Ok(SaveTiming::Now);
        }
        match self.every {
            Some(every) if epoch.is_multiple_of(every) => writer.wait().map(|()| SaveTiming::AfterNextLoss),
            Some(_) => Ok(SaveTiming::No),
            None => Ok(if writer.is_idle()? { SaveTiming::AfterNextLoss } else { SaveTiming::No }),
        }
    }

    /// Saves a checkpoint: at once, and waits for the disk; or after the next finite loss.
    ///
    /// # Errors
    /// If it cannot be written; the previous one is unchanged.
    pub fn save(&mut self, checkpoint: Value, due: SaveTiming) -> Result<()> {
        if due != SaveTiming::Now {
            self.pending = Some(checkpoint);
            return Ok(());
        }
        self.pending = None;
        let Some(writer) = &mut self.writer else { return Ok(()) };
        writer.write(checkpoint)?;
        writer.wait()
    }

    /// Called after a finite loss: the pending snapshot is good, and the pending checkpoint is written while training continues.
    ///
    /// # Errors
    /// If an earlier checkpoint could not be written.
    pub fn loss_was_finite(&mut self) -> Result<()> {
        self.snapshots.loss_was_finite();
        match (self.pending.take(), &mut self.writer) {
            (Some(checkpoint), Some(writer)) => writer.write(checkpoint),
            _ => Ok(()),
        }
    }
}
