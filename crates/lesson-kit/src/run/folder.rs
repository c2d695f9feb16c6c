//! The run folder: the files of a run, and when they replace those of the previous run.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use pt_file::atomic::{self, StagedFile};

use crate::Lesson;
use crate::file_names::{BEST, CHECKPOINT, CONFIG, LOSS, METRICS, MODEL, SUMMARY};

/// A folder that a run may write into.
#[derive(Debug)]
pub(crate) struct RunFolder {
    path: PathBuf,
    pictures: Vec<&'static str>,
    existing: ExistingRun,
    /// The content of `config.json`.
    config: String,
    /// For a resumed run: the number of bytes of the metrics that remain.
    metrics_kept: Option<u64>,
    state: State,
}

/// How much of a folder a run has changed.
#[derive(Debug)]
enum State {
    /// Nothing.
    Unchanged,
    /// `config.json` is on the disk under a temporary name.
    Prepared(StagedFile),
    /// The files of the previous run are removed; the metrics are open.
    Claimed(File),
}

/// What to do with a run that is already in the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Intent {
    /// Replace it, unless it is unfinished.
    Replace,
    /// Replace it, finished or not.
    Overwrite,
    /// Continue it.
    Resume,
}

/// The run that was in the folder before this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExistingRun {
    /// No run.
    Nothing,
    /// A run with its summary.
    Finished,
    /// A run that ended early, with this many recorded epochs.
    Unfinished(usize),
}

impl RunFolder {
    /// Checks, before any training, that a run may write into `path`; creates the folder if necessary. `config` is the
    /// content of `config.json`.
    ///
    /// # Errors
    /// If the folder cannot be created or written, or contains an unfinished run that `intent` would replace.
    pub fn open(path: &Path, lesson: &Lesson, intent: Intent, config: String) -> Result<RunFolder> {
        if path.exists() && !path.is_dir() {
            bail!("--out {}: this is a file; name a folder", path.display());
        }
        let existing = if path.is_dir() { run_in(path)? } else { ExistingRun::Nothing };
        if let (ExistingRun::Unfinished(epochs), Intent::Replace) = (existing, intent) {
            let resume = if path.join(CHECKPOINT).exists() { "--resume continues it, " } else { "" };
            bail!(
                "{} holds an unfinished run ({epochs} epochs recorded): {resume}--overwrite replaces it, --out DIR \
                 writes to another folder",
                path.display()
            );
        }
        fs::create_dir_all(path).with_context(|| format!("--out {}: cannot create this folder", path.display()))?;
        tempfile::tempfile_in(path).with_context(|| format!("--out {}: cannot write there", path.display()))?;
        let pictures = std::iter::once(LOSS).chain(lesson.pictures.iter().copied()).collect();
        let (path, state) = (path.to_owned(), State::Unchanged);
        Ok(RunFolder { path, pictures, existing, config, metrics_kept: None, state })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The run that was in the folder when it was opened.
    pub fn existing_run(&self) -> ExistingRun {
        self.existing
    }

    /// For a resumed run: keeps the first `bytes` bytes of the metrics.
    pub fn keep_metrics(&mut self, bytes: u64) {
        self.metrics_kept = Some(bytes);
    }

    /// The path of the file `name`.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The path of a picture, without extension.
    ///
    /// # Errors
    /// If the lesson did not declare the picture: the next run would not remove it.
    pub fn picture(&self, name: &str) -> Result<PathBuf> {
        if self.pictures.contains(&name) {
            Ok(self.path.join(name))
        } else {
            bail!("the picture {name:?} is not in the lesson's list (Lesson::pictures)")
        }
    }

    /// Does the slow disk operations before training: writes the options under a temporary name, and removes
    /// temporary files of killed processes. The previous run is unchanged. Further calls do nothing.
    pub fn prepare(&mut self) -> Result<()> {
        if let State::Unchanged = self.state {
            self.remove_temporary_files()?;
            let path = self.file(CONFIG);
            let staged = StagedFile::new(&path, self.config.as_bytes());
            self.state = State::Prepared(staged.with_context(|| cannot_write(&path))?);
        }
        Ok(())
    }

    /// Claims the folder: the first call removes the files of the previous run and writes `config.json`; returns true. Further
    /// calls do nothing and return false. A resumed run keeps its files and the first part of its metrics.
    ///
    /// Call it before the first write, not earlier: a run that fails before its first epoch changes nothing. The summary is
    /// removed last: if the process is killed in between, the folder still counts as a finished run.
    pub fn claim(&mut self) -> Result<bool> {
        self.prepare()?;
        if !matches!(self.state, State::Prepared(_)) {
            return Ok(false);
        }
        let metrics = self.file(METRICS);
        match self.metrics_kept {
            Some(length) => {
                let cut = OpenOptions::new().write(true).open(&metrics).and_then(|file| file.set_len(length));
                cut.with_context(|| cannot_write(&metrics))?;
            }
            None => self.files().iter().try_for_each(|name| remove(&self.file(name)))?,
        }
        remove(&self.file(SUMMARY))?;
        let file =
            OpenOptions::new().create(true).append(true).open(&metrics).with_context(|| cannot_write(&metrics))?;
        if let State::Prepared(config) = std::mem::replace(&mut self.state, State::Claimed(file)) {
            config.publish().with_context(|| cannot_write(&self.file(CONFIG)))?;
        }
        Ok(true)
    }

    /// The metrics of a claimed folder.
    pub fn metrics(&self) -> Option<&File> {
        if let State::Claimed(metrics) = &self.state { Some(metrics) } else { None }
    }

    /// Appends a line to the metrics of a claimed folder.
    pub fn append_metrics(&self, line: &str) -> Result<()> {
        let Some(mut metrics) = self.metrics() else { return Ok(()) };
        metrics.write_all(format!("{line}\n").as_bytes()).with_context(|| format!("cannot write {METRICS}"))
    }

    /// Writes the file `name` atomically.
    pub fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.file(name);
        atomic::write(&path, text.as_bytes()).with_context(|| cannot_write(&path))
    }

    /// All files that a run writes, except its summary.
    fn files(&self) -> Vec<String> {
        let with = |name: &str, extensions: [&str; 2]| extensions.map(|extension| format!("{name}.{extension}"));
        let models = [MODEL, BEST].into_iter().flat_map(|name| with(name, ["pt", "safetensors"]));
        let pictures = self.pictures.iter().flat_map(|name| with(name, ["png", "svg"]));
        [METRICS, CONFIG, CHECKPOINT].map(str::to_owned).into_iter().chain(models).chain(pictures).collect()
    }

    /// Removes temporary files of killed processes.
    fn remove_temporary_files(&self) -> Result<()> {
        let files: Vec<_> = self.files().into_iter().chain([SUMMARY.to_owned()]).collect();
        let cannot_read = || format!("cannot read {}", self.path.display());
        for entry in fs::read_dir(&self.path).with_context(cannot_read)? {
            let entry = entry.with_context(cannot_read)?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let ours = |file: &String| name.starts_with(&format!(".{file}."));
            if name.contains(atomic::PARTIAL) && files.iter().any(ours) {
                remove(&entry.path())?;
            }
        }
        Ok(())
    }
}

fn cannot_write(path: &Path) -> String {
    format!("cannot write {}", path.display())
}

/// The run in the folder at `path`.
fn run_in(path: &Path) -> Result<ExistingRun> {
    if path.join(SUMMARY).exists() {
        return Ok(ExistingRun::Finished);
    }
    let metrics = path.join(METRICS);
    let epochs = match fs::read(&metrics) {
        Ok(bytes) => bytes.iter().filter(|&&byte| byte == b'\n').count(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", metrics.display())),
    };
    let unfinished = epochs > 0 || path.join(CHECKPOINT).exists();
    Ok(if unfinished { ExistingRun::Unfinished(epochs) } else { ExistingRun::Nothing })
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}
