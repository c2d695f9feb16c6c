//! `vocabulary.json` in the folder of a model: the number of each word.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use pt_file::{escape, regular_file};

use crate::data::Vocabulary;

/// The name of the file in the run folder.
pub const NAME: &str = "vocabulary.json";
/// The limit on its size: no corpus has more words.
const MAX_FILE: u64 = 1 << 30;

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
    let text = regular_file::read_to_string(&path, MAX_FILE).with_context(|| {
        format!(
            "{}: cannot read the model's vocabulary, which training writes to the folder of the model",
            path.display()
        )
    })?;
    let read = serde_json::from_str(&text);
    read.map_err(|error| anyhow!("{} is not a vocabulary: {}", path.display(), escape(&error.to_string())))
}
