//! The run folder: the files of a run, and when they replace those of the previous run.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use pt_file::atomic::{self, StagedFile};
use serde_json::Value as Json;
use torch_ext::Format;

use super::existing_run::{ExistingRun, Progress};
use super::folder_lock::FolderLock;
use crate::Lesson;
use crate::file_names::{BEST, CHECKPOINT, COMPARE, CONFIG, GATES, LOSS, METRICS, MODEL, SUMMARY};

/// A folder that a run may write into. No other process can train there at the same time.
#[derive(Debug)]
pub(crate) struct RunFolder {
    path: PathBuf,
    /// The names of the files of a run, see [`run_files`].
    files: Vec<String>,
    /// The files of the previous run that this run removes.
    replaced: Vec<String>,
    progress: Progress,
    /// The content of `config.json`.
    config: String,
    /// For a resumed run: the number of bytes of the metrics that remain.
    metrics_kept: Option<u64>,
    state: State,
    _lock: FolderLock,
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

/// What to do with the files that are already in the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Intent {
    /// Replace a finished run of the same lesson.
    Replace,
    /// Replace a finished run of the same lesson, or an unfinished comparison.
    Compare,
    /// Replace any run, and files of unknown origin.
    Overwrite,
    /// Continue the run.
    Resume,
}

impl RunFolder {
    /// Checks, before any training, that a run may write into `path`; creates the folder if necessary, and locks it.
    ///
    /// `config` is the content of `config.json`. The names of the files that the run writes are added to it: a later run replaces
    /// only these.
    ///
    /// # Errors
    /// If the folder cannot be created or written, is in use, or contains files that `intent` does not replace.
    pub fn open(path: &Path, lesson: &Lesson, intent: Intent, format: Format, mut config: Json) -> Result<RunFolder> {
        if path.exists() && !path.is_dir() {
            bail!("--out {}: this is a file; name a folder", path.display());
        }
        let files = run_files(lesson);
        check_existing(path, lesson, intent, &files)?;
        fs::create_dir_all(path).with_context(|| format!("--out {}: cannot create this folder", path.display()))?;
        tempfile::tempfile_in(path).with_context(|| format!("--out {}: cannot write there", path.display()))?;
        let lock = FolderLock::acquire(path)?;
        let existing = check_existing(path, lesson, intent, &files)?; // another process may have written there meanwhile

        config["files"] = files.iter().filter(|name| is_of_format(name, format)).cloned().collect();
        // A resumed run removes the models in the other format only: `eval` would read the old ones.
        let replaced = |name: &&String| match intent {
            Intent::Overwrite => true,
            Intent::Resume => existing.wrote(lesson.name, name) && !is_of_format(name, format),
            Intent::Replace | Intent::Compare => existing.wrote(lesson.name, name),
        };
        let replaced = files.iter().filter(|name| path.join(name).exists()).filter(replaced).cloned().collect();
        if intent == Intent::Compare {
            config["compared"] = true.into();
        }
        Ok(RunFolder {
            path: path.to_owned(),
            files,
            replaced,
            progress: existing.progress,
            config: format!("{config:#}\n"),
            metrics_kept: None,
            state: State::Unchanged,
            _lock: lock,
        })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The progress of the run that was in the folder when it was opened.
    pub fn progress(&self) -> Progress {
        self.progress
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
        ensure!(
            self.files.contains(&format!("{name}.png")),
            "the picture {name:?} is not in the lesson's list (Lesson::pictures)"
        );
        Ok(self.path.join(name))
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

    /// Claims the folder: the first call writes `config.json` and removes the other files of the previous run; returns true.
    /// Further calls do nothing and return false. A resumed run keeps its files and the first part of its metrics.
    ///
    /// Call it before the first write, not earlier: a run that fails before its first epoch changes nothing. If the process is
    /// killed in between, `config.json` lists the files that remain, and the next run can replace them.
    pub fn claim(&mut self) -> Result<bool> {
        self.prepare()?;
        if !matches!(self.state, State::Prepared(_)) {
            return Ok(false);
        }
        if let State::Prepared(config) = std::mem::replace(&mut self.state, State::Unchanged) {
            config.publish().with_context(|| cannot_write(&self.file(CONFIG)))?;
        }
        let metrics = self.file(METRICS);
        match self.metrics_kept {
            Some(length) => {
                let cut = OpenOptions::new().write(true).open(&metrics).and_then(|file| file.set_len(length));
                cut.with_context(|| cannot_write(&metrics))?;
            }
            None => remove(&metrics)?,
        }
        let old = self.replaced.iter().filter(|name| ![CONFIG, METRICS, SUMMARY].contains(&name.as_str()));
        old.map(|name| self.file(name)).try_for_each(|path| remove(&path))?;
        remove(&self.file(SUMMARY))?; // last: until then the folder counts as a finished run
        let file = OpenOptions::new().create(true).append(true).open(&metrics);
        self.state = State::Claimed(file.with_context(|| cannot_write(&metrics))?);
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

    /// Removes temporary files of killed processes.
    fn remove_temporary_files(&self) -> Result<()> {
        let cannot_read = || format!("cannot read {}", self.path.display());
        for entry in fs::read_dir(&self.path).with_context(cannot_read)? {
            let entry = entry.with_context(cannot_read)?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let ours = |file: &String| name.starts_with(&format!(".{file}."));
            if name.contains(atomic::PARTIAL) && self.files.iter().any(ours) {
                remove(&entry.path())?;
            }
        }
        Ok(())
    }
}

fn cannot_write(path: &Path) -> String {
    format!("cannot write {}", path.display())
}

/// The names of all files that a run of `lesson` can write.
fn run_files(lesson: &Lesson) -> Vec<String> {
    let with = |name: &str, extensions: [&str; 2]| extensions.map(|extension| format!("{name}.{extension}"));
    let models = [MODEL, BEST].into_iter().flat_map(|name| with(name, ["pt", "safetensors"]));
    let pictures = [LOSS, COMPARE].iter().chain(lesson.pictures).flat_map(|name| with(name, ["png", "svg"]));
    let texts = [CONFIG, METRICS, SUMMARY, CHECKPOINT].iter().chain(lesson.texts).map(|&name| name.to_owned());
    texts.chain(models).chain(pictures).collect()
}

/// Whether a run with this `--format` writes the file `name` of [`run_files`].
fn is_of_format(name: &str, format: Format) -> bool {
    let other = if format == Format::Pt { Format::Safetensors } else { Format::Pt };
    ![MODEL, BEST].iter().any(|model| name == format!("{model}.{other}"))
}

/// Checks that a run can replace or continue what is in the folder at `path`.
fn check_existing(path: &Path, lesson: &Lesson, intent: Intent, files: &[String]) -> Result<ExistingRun> {
    let existing = ExistingRun::read(path)?;
    let replaces_unfinished = match intent {
        Intent::Overwrite | Intent::Resume => return Ok(existing),
        Intent::Compare => existing.is_compared(),
        Intent::Replace => false,
    };
    let (shown, name) = (path.display(), lesson.name);
    let overwrite = if intent == Intent::Replace { "--overwrite replaces it, " } else { "" };
    let remedy = format!("{overwrite}--out DIR writes to another folder");
    // Training does not write the pictures of these commands.
    let others: &[&str] = if intent == Intent::Compare { &[GATES] } else { &[GATES, COMPARE] };
    let is_written = |file: &&String| !others.iter().any(|picture| file.starts_with(&format!("{picture}.")));
    let foreign = |file: &&String| path.join(file).symlink_metadata().is_ok() && !existing.wrote(name, file);
    let foreign: Vec<&str> = files.iter().filter(is_written).filter(foreign).map(String::as_str).collect();
    if !foreign.is_empty() {
        if let Some(other) = existing.other_lesson(name) {
            bail!("{shown} holds a run of {other:?}, not of {name}: {remedy}");
        }
        bail!("{shown} holds {}, which no known run of {name} wrote: {remedy}", foreign.join(", "));
    }
    if let Progress::Unfinished(epochs) = existing.progress
        && !replaces_unfinished
    {
        let can_resume = intent == Intent::Replace && path.join(CHECKPOINT).exists();
        let resume = if can_resume { "--resume continues it, " } else { "" };
        bail!("{shown} holds an unfinished run ({epochs} epochs recorded): {resume}{remedy}");
    }
    Ok(existing)
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}
