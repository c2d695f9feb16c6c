//! `vocabulary.json` in the folder of a model: the number of each word.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use pt_file::escape;

use crate::data::Vocabulary;

/// The name of the file in the run folder.
pub const NAME: &str = "vocabulary.json";

/// The content of the file.
pub fn content(vocabulary: &Vocabulary) -> Result<String> {
    serde_json::to_string(vocabulary).context(NAME)
}

/// Reads the file in the folder of `model`.
///
/// # Errors
/// If the file does not exist, or is not a vocabulary.
pub fn read_beside(model: &Path) -> Result<Vocabulary> {
    let path = model.with_file_name(NAME);
    let text = fs::read_to_string(&path).with_context(|| {
        format!(
            "{}: cannot read the model's vocabulary, which training writes to the folder of the model",
            path.display()
        )
    })?;
    let read = serde_json::from_str(&text);
    read.map_err(|error| anyhow!("{} is not a vocabulary: {}", path.display(), escape(&error.to_string())))
}

/// The corpus in `config.json` in the folder of `model`, if the file exists and has one.
pub fn corpus_beside(model: &Path) -> Option<PathBuf> {
    let config = fs::read_to_string(model.with_file_name("config.json")).ok()?;
    let config: serde_json::Value = serde_json::from_str(&config).ok()?;
    config["corpus"].as_str().map(PathBuf::from)
}
