//! A thread that writes checkpoints while training continues.
//!
//! Writing waits for the disk (fsync, about ten milliseconds); an epoch of a small lesson takes a fraction of that. The
//! thread also occupies a core that libtorch's threads use. So after each write it sleeps for 20 times the write's duration.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, SyncSender, TryRecvError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use pt_file::Value;

/// Duration of the pause after a write, as a multiple of the write's duration.
const PAUSE: u32 = 20;

/// Writes one checkpoint at a time.
#[derive(Debug)]
pub(crate) struct AsyncCheckpointWriter {
    busy: bool,
    /// The start of the last write.
    started: Instant,
    pause_ends: Option<Instant>,
    jobs: Option<SyncSender<Value>>,
    done: Receiver<Result<()>>,
    thread: Option<JoinHandle<()>>,
}

impl AsyncCheckpointWriter {
    /// Starts the thread. `metrics` is synced before each checkpoint, so that the metrics contain every epoch of the checkpoint.
    pub fn start(path: PathBuf, metrics: File) -> Result<AsyncCheckpointWriter> {
        let (jobs, to_write) = mpsc::sync_channel::<Value>(1);
        let (finished, done) = mpsc::sync_channel(1);
        let work = move || {
            for checkpoint in to_write {
                let written = write(&path, &metrics, &checkpoint);
                if finished.send(written).is_err() {
                    break; // the run is dropped
                }
            }
        };
        let thread = thread::Builder::new().name("checkpoint".to_owned()).spawn(work);
        Ok(AsyncCheckpointWriter {
            busy: false,
            started: Instant::now(),
            pause_ends: None,
            jobs: Some(jobs),
            done,
            thread: Some(thread.context("cannot start the thread that writes checkpoints")?),
        })
    }

    /// Waits for the previous write, and starts to write `checkpoint`.
    ///
    /// # Errors
    /// If the previous write failed.
    pub fn write(&mut self, checkpoint: Value) -> Result<()> {
        self.wait()?;
        self.busy = true;
        self.started = Instant::now();
        self.jobs.as_ref().and_then(|jobs| jobs.send(checkpoint).ok()).ok_or_else(thread_ended)
    }

    /// Whether nothing is being written and the pause after the last write is over.
    ///
    /// # Errors
    /// If the last write failed.
    pub fn is_idle(&mut self) -> Result<bool> {
        if !self.busy {
            return Ok(self.pause_ends.is_none_or(|end| Instant::now() >= end));
        }
        match self.done.try_recv() {
            Ok(written) => {
                self.busy = false;
                self.pause_ends = Some(Instant::now() + PAUSE * self.started.elapsed());
                written.map(|()| false)
            }
            Err(TryRecvError::Empty) => Ok(false),
            Err(TryRecvError::Disconnected) => Err(thread_ended()),
        }
    }

    /// Waits until the checkpoint is on the disk.
    ///
    /// # Errors
    /// If the write failed.
    pub fn wait(&mut self) -> Result<()> {
        if !self.busy {
            return Ok(());
        }
        self.busy = false;
        self.done.recv().map_err(|_| thread_ended())?
    }
}

impl Drop for AsyncCheckpointWriter {
    /// Completes the current write.
    fn drop(&mut self) {
        self.jobs = None; // ends the thread's loop
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // an error of a run that is dropped has no receiver
        }
    }
}

fn write(path: &Path, metrics: &File, checkpoint: &Value) -> Result<()> {
    let written = metrics.sync_data().map_err(pt_file::Error::from).and_then(|()| pt_file::save_file(path, checkpoint));
    written.map_err(|error| {
        let kept = if path.exists() { "; the previous one is unchanged, and --resume continues from it" } else { "" };
        anyhow!("the checkpoint cannot be written: {error}{kept}")
    })
}

fn thread_ended() -> anyhow::Error {
    anyhow!("the thread that writes checkpoints has ended")
}
