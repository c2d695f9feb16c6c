//! When a checkpoint is written, and by whom.
//!
//! A write ends with the disk's word that the bytes are there, which takes some ten milliseconds; an epoch of a small
//! lesson takes a fraction of one. So a thread of its own writes, and while it does the epochs pass unsaved. It also
//! takes a core from libtorch's threads, which then wait for each other: so it rests for longer than it writes.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, SyncSender, TryRecvError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use pt_file::Value;

/// How many times as long as a write took no other begins, unless `--checkpoint-every` says so.
const REST: u32 = 20;

/// Decides which epochs are saved, and has them saved.
#[derive(Debug)]
pub struct Keeper {
    /// `--checkpoint-every`.
    every: Option<u32>,
    last_epoch: u32,
    /// `None` until the folder is taken over, and in a dry run.
    writer: Option<Writer>,
    /// Made after a step; good if the parameters still give a finite loss.
    waiting: Option<Value>,
}

/// How much an epoch's checkpoint matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Not at all.
    No,
    /// It is to be written once the next loss turns out finite.
    Soon,
    /// The run ends here: it is to be on the disk now.
    Now,
}

impl Due {
    const ALL: [Due; 3] = [Due::No, Due::Soon, Due::Now];

    /// As the processes of a group tell it each other.
    pub fn number(self) -> i64 {
        self as i64
    }

    /// The opposite of [`Due::number`].
    pub fn from_number(number: i64) -> Due {
        Due::ALL.into_iter().find(|due| due.number() == number).unwrap_or(Due::No)
    }
}

impl Keeper {
    /// For a run of `last_epoch` epochs. It keeps nothing before [`Keeper::open`].
    pub fn new(every: Option<u32>, last_epoch: u32) -> Keeper {
        Keeper { every, last_epoch, writer: None, waiting: None }
    }

    /// Names the checkpoint's path. `metrics` go to the disk before each checkpoint, so that they never lack an epoch
    /// that it has.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn open(&mut self, path: PathBuf, metrics: File) -> Result<()> {
        self.writer = Some(Writer::start(path, metrics)?);
        Ok(())
    }

    /// Whether the state after `epoch` is to be saved; `stopping` if no epoch follows.
    ///
    /// # Errors
    /// If an earlier checkpoint could not be written.
    pub fn due(&mut self, epoch: u32, stopping: bool) -> Result<Due> {
        if self.writer.is_none() {
            return Ok(Due::No);
        }
        if stopping || epoch >= self.last_epoch {
            self.wait()?;
            return Ok(Due::Now);
        }
        match self.every {
            Some(every) if epoch.is_multiple_of(every) => self.wait().map(|()| Due::Soon),
            Some(_) => Ok(Due::No),
            None => Ok(if self.is_idle()? { Due::Soon } else { Due::No }),
        }
    }

    /// Takes a checkpoint that waits for the next loss.
    pub fn offer(&mut self, checkpoint: Value) {
        self.waiting = Some(checkpoint);
    }

    /// The loss was finite: what waits is good, and is written while training goes on.
    ///
    /// # Errors
    /// If an earlier checkpoint could not be written.
    pub fn loss_was_finite(&mut self) -> Result<()> {
        match self.waiting.take() {
            Some(checkpoint) => self.start(checkpoint),
            None => Ok(()),
        }
    }

    /// Writes a checkpoint and waits until it is on the disk.
    ///
    /// # Errors
    /// If it cannot be written; the one before stays.
    pub fn write_now(&mut self, checkpoint: Value) -> Result<()> {
        self.waiting = None;
        self.start(checkpoint)?;
        self.wait()
    }

    fn start(&mut self, checkpoint: Value) -> Result<()> {
        self.wait()?;
        let Some(writer) = &mut self.writer else {
            return Ok(());
        };
        writer.busy = true;
        writer.begun = Instant::now();
        writer.jobs.send(checkpoint).map_err(|_| ended())
    }

    fn is_idle(&mut self) -> Result<bool> {
        let Some(writer) = &mut self.writer else {
            return Ok(true);
        };
        if !writer.busy {
            return Ok(writer.rests_until.is_none_or(|until| Instant::now() >= until));
        }
        match writer.done.try_recv() {
            Ok(written) => {
                writer.busy = false;
                writer.rests_until = Some(Instant::now() + REST * writer.begun.elapsed());
                written.map(|()| false)
            }
            Err(TryRecvError::Empty) => Ok(false),
            Err(TryRecvError::Disconnected) => Err(ended()),
        }
    }

    fn wait(&mut self) -> Result<()> {
        let Some(writer) = self.writer.as_mut().filter(|writer| writer.busy) else {
            return Ok(());
        };
        writer.busy = false;
        writer.done.recv().map_err(|_| ended())?
    }
}

/// The thread that writes, one checkpoint at a time.
#[derive(Debug)]
struct Writer {
    busy: bool,
    /// When the last write began.
    begun: Instant,
    rests_until: Option<Instant>,
    jobs: SyncSender<Value>,
    done: Receiver<Result<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    fn start(path: PathBuf, metrics: File) -> Result<Writer> {
        let (jobs, to_write) = mpsc::sync_channel::<Value>(1);
        let (finished, done) = mpsc::sync_channel(1);
        let work = move || {
            for checkpoint in to_write {
                let written = write(&path, &metrics, &checkpoint);
                if finished.send(written).is_err() {
                    break; // the run is over
                }
            }
        };
        let thread = thread::Builder::new().name("checkpoint".to_owned()).spawn(work);
        Ok(Writer {
            busy: false,
            begun: Instant::now(),
            rests_until: None,
            jobs,
            done,
            thread: Some(thread.context("cannot start the checkpoint's thread")?),
        })
    }
}

fn write(path: &Path, metrics: &File, checkpoint: &Value) -> Result<()> {
    let written = metrics.sync_data().map_err(pt_file::Error::from).and_then(|()| pt_file::save_file(path, checkpoint));
    written.map_err(|error| {
        let kept = if path.exists() { "; the one before it is there still, and --resume goes on from it" } else { "" };
        anyhow!("the checkpoint cannot be written: {error}{kept}")
    })
}

impl Drop for Writer {
    /// Lets what is being written come to its end.
    fn drop(&mut self) {
        let (nobody, _) = mpsc::sync_channel(1);
        drop(std::mem::replace(&mut self.jobs, nobody));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // a panic there has nobody left to hear of it
        }
    }
}

fn ended() -> anyhow::Error {
    anyhow!("the thread that writes checkpoints has ended")
}
