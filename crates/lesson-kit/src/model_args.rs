//! Options that name a trained model. Everywhere `--out DIR` is a run folder, and FILE is a model.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::file_names::{CHECKPOINT, MODEL};
use crate::{Lesson, SavedModel, Session};

/// Options of `eval`.
#[derive(Args, Debug, Clone)]
pub struct EvalArgs {
    /// A model, as with --model [default: models/LESSON/model.pt]
    #[arg(value_name = "FILE", conflicts_with_all = ["model", "out"])]
    file: Option<PathBuf>,

    #[command(flatten)]
    model: ModelArg,
}

impl EvalArgs {
    /// Reads the model.
    pub fn model(&self, lesson: &Lesson) -> Result<SavedModel> {
        self.file.as_deref().map_or_else(|| self.model.read(lesson), |file| read(file, lesson))
    }
}

/// Options of commands that read a trained model: `--model FILE` or `--out DIR`.
#[derive(Args, Debug, Clone)]
pub struct ModelArg {
    /// Trained weights: model.pt, best.pt, checkpoint.pt or safetensors, written here or in Python [default:
    /// models/LESSON/model.pt]
    #[arg(long, value_name = "FILE", conflicts_with = "out")]
    model: Option<PathBuf>,

    /// Run folder, whose model.pt is read [default: models/LESSON]
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl ModelArg {
    /// Reads the model.
    ///
    /// # Errors
    /// If the model does not exist (the message has the command that trains one), if a folder is given instead of a file or a
    /// file instead of a folder, or if the file is not a model of the lesson.
    pub fn read(&self, lesson: &Lesson) -> Result<SavedModel> {
        match (&self.model, &self.out) {
            (Some(file), _) => read(file, lesson),
            (None, Some(folder)) => read_run_folder(folder, lesson),
            (None, None) => read_default(lesson),
        }
    }
}

/// Options of commands that draw pictures of a trained model: `--model FILE`, `--out DIR`.
#[derive(Args, Debug, Clone)]
pub struct DrawArgs {
    /// Trained weights: model.pt, best.pt, checkpoint.pt or safetensors, written here or in Python [default:
    /// models/LESSON/model.pt]
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,

    /// Run folder: its model.pt is read, unless --model names another, and the pictures are written there [default:
    /// models/LESSON]
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl DrawArgs {
    /// Reads the model. If the folder contains no model, it is for the pictures only: the default model is read, and a note
    /// names it.
    pub fn read(&self, lesson: &Lesson, session: &Session) -> Result<SavedModel> {
        let Some(folder) = &self.out else {
            return self.model.as_ref().map_or_else(|| read_default(lesson), |file| read(file, lesson));
        };
        ensure!(!folder.is_file(), "{}", not_a_folder(folder));
        match &self.model {
            Some(file) => read(file, lesson),
            None if model_in(folder).is_some() => read_run_folder(folder, lesson),
            None => {
                let saved = read_default(lesson)?;
                let (folder, model) = (folder.display(), saved.path().display());
                session.note(format_args!("--out {folder}: there is no model in this folder; reading {model}"));
                Ok(saved)
            }
        }
    }

    /// The folder for the pictures; creates it if necessary.
    pub fn folder(&self, lesson: &Lesson) -> Result<PathBuf> {
        let folder = self.out.clone().unwrap_or_else(|| PathBuf::from(lesson.default_out()));
        fs::create_dir_all(&folder)
            .with_context(|| format!("--out {}: cannot create this folder", folder.display()))?;
        Ok(folder)
    }
}

/// Reads the model in `file`.
fn read(file: &Path, lesson: &Lesson) -> Result<SavedModel> {
    let (shown, name) = (file.display(), lesson.name);
    ensure!(!file.is_dir(), "{shown}: this is a folder, but FILE must be a model; --out {shown} reads the model in it");
    ensure!(file.exists(), "{shown}: there is no such file; cargo run -p {name} trains a model");
    SavedModel::read(file, lesson)
}

fn read_default(lesson: &Lesson) -> Result<SavedModel> {
    let folder = PathBuf::from(lesson.default_out());
    read(&model_in(&folder).unwrap_or_else(|| folder.join("model.pt")), lesson)
}

fn read_run_folder(folder: &Path, lesson: &Lesson) -> Result<SavedModel> {
    let (shown, name) = (folder.display(), lesson.name);
    ensure!(!folder.is_file(), "{}", not_a_folder(folder));
    match model_in(folder) {
        Some(file) => SavedModel::read(&file, lesson),
        None if folder.join(CHECKPOINT).exists() => bail!(
            "--out {shown}: an unfinished run, without a model.pt; --model {} reads its last checkpoint",
            folder.join(CHECKPOINT).display()
        ),
        None if folder.exists() => {
            bail!("--out {shown}: there is no model in this folder; cargo run -p {name} -- --out {shown} trains one")
        }
        None => {
            bail!("--out {shown}: there is no such folder; cargo run -p {name} -- --out {shown} trains a model there")
        }
    }
}

fn not_a_folder(file: &Path) -> String {
    format!("--out {0}: this is a file, but --out must be a run folder; --model {0} reads that model", file.display())
}

/// The last model of the run in `folder`, in either format.
fn model_in(folder: &Path) -> Option<PathBuf> {
    ["pt", "safetensors"]
        .map(|extension| folder.join(format!("{MODEL}.{extension}")))
        .into_iter()
        .find(|file| file.exists())
}
