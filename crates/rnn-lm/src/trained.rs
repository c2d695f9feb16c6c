//! A trained model from its files: the weights, and the vocabulary beside them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use lesson_kit::SavedModel;
use tch::nn::VarStore;
use tch::{Device, Tensor};

use crate::LESSON;
use crate::data::Vocabulary;
use crate::model::{Cell, LanguageModel, Sizes};

/// The file in the run folder that says which word has which number.
pub const VOCABULARY: &str = "vocabulary.json";

/// The vocabulary as it is kept beside `model.pt`.
///
/// # Errors
/// If it has no place in JSON.
pub fn vocabulary_file(vocabulary: &Vocabulary) -> Result<String> {
    serde_json::to_string(vocabulary).context(VOCABULARY)
}

/// Reads the vocabulary that lies beside a model.
///
/// # Errors
/// If it is not there, or is none.
pub fn vocabulary_beside(model: &Path) -> Result<Vocabulary> {
    let path = model.with_file_name(VOCABULARY);
    let text = fs::read_to_string(&path)
        .with_context(|| format!("{}: the model's vocabulary, which training writes beside it", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is no vocabulary", path.display()))
}

/// The corpus that `config.json` beside a model names, if it is there and names one.
pub fn corpus_beside(model: &Path) -> Option<PathBuf> {
    let config = fs::read_to_string(model.with_file_name("config.json")).ok()?;
    let config: serde_json::Value = serde_json::from_str(&config).ok()?;
    config["corpus"].as_str().map(PathBuf::from)
}

/// The network whose weights `saved` holds; their shapes say which one it is.
///
/// # Errors
/// If they are no language model's, or of another vocabulary.
pub fn load(saved: &SavedModel, vocabulary: &Vocabulary, device: Device) -> Result<LanguageModel> {
    let (hidden, layers) = saved.recurrent_sizes("rnn")?;
    let rows = |name: &str| saved.state_dict().get(name).map(Tensor::size).and_then(|size| size.first().copied());
    let cell = match rows("rnn.weight_hh_l0").map(|rows| rows / hidden.max(1)) {
        Some(1) => Cell::Rnn,
        Some(3) => Cell::Gru,
        Some(4) => Cell::Lstm,
        _ => bail!("rnn.weight_hh_l0 has neither one, three nor four rows for each hidden unit"),
    };
    let words =
        rows("embedding.weight").with_context(|| format!("no model of {}: it has no embedding.weight", LESSON.name))?;
    ensure!(
        words == vocabulary.len() as i64,
        "the model knows {words} words and its vocabulary has {}: they do not belong together",
        vocabulary.len()
    );
    let sizes = Sizes { words, hidden, layers };
    let vs = VarStore::new(device);
    let model = LanguageModel::new(&vs.root(), cell, sizes, 0.0)?;
    saved.load_into(&model.named_parameters())?;
    Ok(model)
}
