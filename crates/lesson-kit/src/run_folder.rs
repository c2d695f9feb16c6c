//! The run folder: who may write into it, and what of an older run gives way.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::Lesson;
use crate::atomic::{self, Staged};

/// Every resolved option.
pub const CONFIG: &str = "config.json";
/// One object per epoch.
pub const METRICS: &str = "metrics.jsonl";
/// The final figures; it is there if and only if the run is finished.
pub const SUMMARY: &str = "summary.json";
/// What `--resume` needs.
pub const CHECKPOINT: &str = "checkpoint.pt";
/// The name of the file with the last `state_dict`, without the extension, which says its format.
pub const MODEL: &str = "model";
/// The name of the one that gave the lowest loss.
pub const BEST: &str = "best";
/// The name of the loss plot, without extension.
pub const LOSS: &str = "loss";

/// A folder that a run may write into.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    pictures: Vec<&'static str>,
    before: Before,
    state: State,
}

/// How far a run has taken a folder.
#[derive(Debug)]
enum State {
    /// The folder is as it was found.
    Found,
    /// The options are on the disk, without their name.
    Prepared(Staged),
    /// What the run before left is gone.
    Claimed,
}

/// What a run means to do with a run that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intent {
    /// Replace it, unless it is unfinished.
    Replace,
    /// Replace it, finished or not.
    Overwrite,
    /// Go on with it.
    Resume,
}

/// What lay in the folder when the run came to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// No run.
    Nothing,
    /// A run with its summary.
    Finished,
    /// A run that ended early, after this many epochs.
    Unfinished(usize),
}

impl RunFolder {
    /// Makes sure, before any training, that a run may write into `path`, and makes the folder if it is not there.
    ///
    /// # Errors
    /// If the folder cannot be made or written, or if it holds an unfinished run that `intent` would lose.
    pub fn open(path: &Path, lesson: &Lesson, intent: Intent) -> Result<RunFolder> {
        if path.exists() && !path.is_dir() {
            bail!("--out {}: this is a file; name a folder", path.display());
        }
        let before = if path.is_dir() { look(path)? } else { Before::Nothing };
        if let (Before::Unfinished(epochs), Intent::Replace) = (before, intent) {
            let resume = if path.join(CHECKPOINT).exists() { "--resume goes on with it, " } else { "" };
            bail!(
                "{} holds an unfinished run ({epochs} epochs recorded): {resume}--overwrite replaces it, --out DIR \
                 writes elsewhere",
                path.display()
            );
        }
        fs::create_dir_all(path).with_context(|| format!("--out {}: cannot make this folder", path.display()))?;
        tempfile::tempfile_in(path).with_context(|| format!("--out {}: cannot write there", path.display()))?;
        let pictures = std::iter::once(LOSS).chain(lesson.pictures.iter().copied()).collect();
        Ok(RunFolder { path: path.to_owned(), pictures, before, state: State::Found })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What lay in it when it was opened.
    pub fn before(&self) -> Before {
        self.before
    }

    /// The path of the file `name` in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The path of a picture, without extension.
    ///
    /// # Errors
    /// If the lesson did not declare it: the next run would leave it lying.
    pub fn picture(&self, name: &str) -> Result<PathBuf> {
        if self.pictures.contains(&name) {
            Ok(self.path.join(name))
        } else {
            bail!("the picture {name:?} is not in the lesson's list (Lesson::pictures)")
        }
    }

    /// Does ahead what takes the time that a disk takes, so that training does not wait for it: puts the options, `config`,
    /// beside the place that [`RunFolder::claim`] moves them to, and removes what killed processes left unfinished. A run
    /// that was in the folder stays as it is. Further calls do nothing.
    ///
    /// # Errors
    /// If a file cannot be written or removed.
    pub fn prepare(&mut self, config: &str) -> Result<()> {
        if let State::Found = self.state {
            self.remove_leftovers()?;
            self.state = State::Prepared(atomic::stage(&self.file(CONFIG), config.as_bytes())?);
        }
        Ok(())
    }

    /// Takes the folder over, prepared or not: the first call removes what the run that was there left, and writes the
    /// options, `config`; further calls do nothing. Of a run that is resumed the first `resumed_from` bytes of the metrics
    /// stay, and what does not change by going on.
    ///
    /// Called when there is something to write, so that a run which fails before its first epoch costs nothing. A
    /// summary that is to go goes last: a process killed in between leaves a run that still counts as finished.
    ///
    /// # Errors
    /// If a file cannot be removed or written.
    pub fn claim(&mut self, config: &str, resumed_from: Option<u64>) -> Result<()> {
        self.prepare(config)?;
        let State::Prepared(config) = std::mem::replace(&mut self.state, State::Claimed) else {
            return Ok(());
        };
        match resumed_from {
            Some(length) => {
                let path = self.file(METRICS);
                let cut = OpenOptions::new().write(true).open(&path).and_then(|metrics| metrics.set_len(length));
                cut.with_context(|| format!("cannot write {}", path.display()))?;
            }
            None => self.files().iter().try_for_each(|name| remove(&self.file(name)))?,
        }
        remove(&self.file(SUMMARY))?;
        config.publish()
    }

    /// What a run writes, but for its summary.
    fn files(&self) -> Vec<String> {
        let with = |name: &str, extensions: [&str; 2]| extensions.map(|extension| format!("{name}.{extension}"));
        let models = [MODEL, BEST].into_iter().flat_map(|name| with(name, ["pt", "safetensors"]));
        let pictures = self.pictures.iter().flat_map(|name| with(name, ["png", "svg"]));
        [METRICS, CONFIG, CHECKPOINT].map(str::to_owned).into_iter().chain(models).chain(pictures).collect()
    }

    /// Removes temporary files that a killed process left behind.
    fn remove_leftovers(&self) -> Result<()> {
        let files: Vec<_> = self.files().into_iter().chain([SUMMARY.to_owned()]).collect();
        for entry in fs::read_dir(&self.path).with_context(|| format!("cannot read {}", self.path.display()))? {
            let entry = entry.with_context(|| format!("cannot read {}", self.path.display()))?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let ours = |file: &String| name.starts_with(&format!(".{file}."));
            if name.contains(atomic::PARTIAL) && files.iter().any(ours) {
                remove(&entry.path())?;
            }
        }
        Ok(())
    }

    /// Opens the file that grows: the metrics.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub fn open_metrics(&self) -> Result<File> {
        let path = self.file(METRICS);
        let file = OpenOptions::new().create(true).append(true).open(&path);
        file.with_context(|| format!("cannot write {}", path.display()))
    }
}

fn look(path: &Path) -> Result<Before> {
    if path.join(SUMMARY).exists() {
        return Ok(Before::Finished);
    }
    let metrics = path.join(METRICS);
    let epochs = match fs::read(&metrics) {
        Ok(bytes) => bytes.iter().filter(|&&byte| byte == b'\n').count(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", metrics.display())),
    };
    let unfinished = epochs > 0 || path.join(CHECKPOINT).exists();
    Ok(if unfinished { Before::Unfinished(epochs) } else { Before::Nothing })
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}
