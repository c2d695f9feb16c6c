//! What a run folder contains before a run starts.

use std::io::{BufRead, BufReader, ErrorKind};
use std::path::Path;

use anyhow::{Context, Result};
use pt_file::regular_file;
use serde::Deserialize;

use crate::file_names::{CHECKPOINT, CONFIG, MAX_CONFIG, METRICS, SUMMARY};

/// The run in a folder.
#[derive(Debug, Default)]
pub(crate) struct ExistingRun {
    /// From `config.json`; empty if that is missing, or was not written by a lesson.
    config: StoredConfig,
    pub progress: Progress,
}

/// How far the run in a folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Progress {
    /// There is no run.
    #[default]
    None,
    /// A run with its summary.
    Finished,
    /// A run that ended early, with this many recorded epochs.
    Unfinished(usize),
}

/// The entries of `config.json` that are read here.
#[derive(Debug, Default, Deserialize)]
struct StoredConfig {
    lesson: Option<String>,
    /// Missing in runs of older versions, which wrote files of the same names.
    files: Option<Vec<String>>,
    #[serde(default)]
    compared: bool,
}

impl ExistingRun {
    /// Reads the folder at `path`.
    ///
    /// # Errors
    /// If its metrics cannot be read.
    pub fn read(path: &Path) -> Result<ExistingRun> {
        let config =
            regular_file::read(path.join(CONFIG), MAX_CONFIG).ok().and_then(|text| serde_json::from_slice(&text).ok());
        Ok(ExistingRun { config: config.unwrap_or_default(), progress: progress(path)? })
    }

    /// The lesson of the run, if it is not `lesson`.
    pub fn other_lesson(&self, lesson: &str) -> Option<&str> {
        self.config.lesson.as_deref().filter(|&name| name != lesson)
    }

    /// Whether a run of `lesson` wrote the file `name`, or may have written it.
    pub fn wrote(&self, lesson: &str, name: &str) -> bool {
        let listed = |files: &Vec<String>| files.iter().any(|file| file == name);
        self.config.lesson.as_deref() == Some(lesson) && self.config.files.as_ref().is_none_or(listed)
    }

    /// Whether it is the run of a comparison, which cannot be resumed.
    pub fn is_compared(&self) -> bool {
        self.config.compared
    }
}

fn progress(path: &Path) -> Result<Progress> {
    if path.join(SUMMARY).exists() {
        return Ok(Progress::Finished);
    }
    let metrics = path.join(METRICS);
    let lines = |file| BufReader::new(file).split(b'\n').try_fold(0, |count, line| line.map(|_| count + 1));
    let epochs = match regular_file::open(&metrics).and_then(lines) {
        Ok(epochs) => epochs,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => 0,
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", metrics.display())),
    };
    let unfinished = epochs > 0 || path.join(CHECKPOINT).exists();
    Ok(if unfinished { Progress::Unfinished(epochs) } else { Progress::None })
}
