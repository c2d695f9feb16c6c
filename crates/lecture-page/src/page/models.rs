//! The folders that the lessons wrote: the weights, and what the page shows beside them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use half::f16;
use rnn_runtime::StateDict;
use rnn_runtime::ndarray::ArrayD;
use rnn_runtime::pt_file::{self, DType, Tensor, Value};
use serde_json::{Value as Json, json};

use super::prices;
use crate::digit::MnistNn;
use crate::language::LanguageModel;
use crate::stock::StockRnn;
use crate::text::TextRnn;

/// A lesson for the page.
#[derive(Debug)]
pub struct Lesson {
    /// The weights: the bytes of a .pt file.
    pub model: Vec<u8>,
    /// What the page needs besides the weights.
    pub data: Json,
}

/// A run folder.
struct Run {
    folder: PathBuf,
    lesson: &'static str,
}

impl Run {
    fn new(models: &Path, lesson: &'static str) -> Run {
        Run { folder: models.join(lesson), lesson }
    }

    fn read(&self, name: &str) -> Result<Vec<u8>> {
        let path = self.folder.join(name);
        std::fs::read(&path).with_context(|| {
            format!("cannot read {}; train the lesson first: cargo run -p {}", path.display(), self.lesson)
        })
    }

    fn json(&self, name: &str) -> Result<Json> {
        serde_json::from_slice(&self.read(name)?)
            .with_context(|| format!("{} is not JSON", self.folder.join(name).display()))
    }

    /// Checks the model with `load`.
    fn model<T>(&self, load: impl Fn(&[u8]) -> Result<T>) -> Result<(Vec<u8>, T)> {
        let model = self.read("model.pt")?;
        let loaded = load(&model).with_context(|| format!("{}", self.folder.join("model.pt").display()))?;
        Ok((model, loaded))
    }
}

/// text-rnn: the words and the sentences.
///
/// # Errors
/// If the lesson is not trained, or the model is another network.
pub fn read_text(models: &Path) -> Result<Lesson> {
    let run = Run::new(models, "text-rnn");
    let (model, loaded) = run.model(TextRnn::from_bytes)?;
    let summary = run.json("summary.json")?;
    let words = summary["vocabulary"].as_array().map(Vec::len);
    ensure!(words == Some(loaded.words()), "text-rnn: the vocabulary of summary.json does not fit the model");
    let data = json!({
        "words": summary["vocabulary"],
        "sentences": summary["predictions"],
        "perplexity": summary["perplexity"],
    });
    Ok(Lesson { model, data })
}

/// stock-lstm: the prices, their scale, and the number of training windows.
///
/// # Errors
/// If the lesson is not trained, the model is another network, or the prices cannot be read.
pub fn read_stock(models: &Path) -> Result<Lesson> {
    let run = Run::new(models, "stock-lstm");
    let (model, _) = run.model(StockRnn::from_bytes)?;
    let (config, summary) = (run.json("config.json")?, run.json("summary.json")?);
    let csv = config["csv"].as_str().context("stock-lstm: config.json has no csv")?;
    let prices = prices::read(Path::new(csv)).with_context(|| format!("cannot read the prices {csv}"))?;
    let data = json!({
        "scaler": config["scaler"],
        "dates": prices.dates,
        "days": prices.rows,
        "train_windows": summary["train_windows"],
        "name": if csv.ends_with("goog.csv") { "Google (GOOG)" } else { csv },
    });
    Ok(Lesson { model, data })
}

/// mnist-gru: the accuracy.
///
/// # Errors
/// If the lesson is not trained, or the model is another network.
pub fn read_digit(models: &Path) -> Result<Lesson> {
    let run = Run::new(models, "mnist-gru");
    let (model, _) = run.model(MnistNn::from_bytes)?;
    let data = json!({ "test_accuracy": run.json("summary.json")?["test_accuracy"] });
    Ok(Lesson { model, data })
}

/// rnn-lm, if it is trained: the vocabulary and the perplexity, with the weights in half precision.
///
/// # Errors
/// If the model is another network.
pub fn read_language(models: &Path) -> Result<Option<Lesson>> {
    let run = Run::new(models, "rnn-lm");
    if !run.folder.join("model.pt").exists() {
        return Ok(None);
    }
    let (model, loaded) = run.model(LanguageModel::from_bytes)?;
    let vocabulary = run.json("vocabulary.json")?;
    let words = vocabulary["words"].as_array().map(Vec::len);
    ensure!(words == Some(loaded.words()), "rnn-lm: vocabulary.json does not fit the model");
    let smaller = half_precision(&model)?;
    let differs = first_difference(&loaded, &LanguageModel::from_bytes(&smaller)?)?;
    let (model, precision) = match differs {
        None => (smaller, "float16"),
        Some(_) => (model, "float32"),
    };
    let data = json!({
        "vocabulary": vocabulary,
        "test_perplexity": run.json("summary.json")?["test_perplexity"],
        "precision": precision,
    });
    Ok(Some(Lesson { model, data }))
}

/// The same weights in half precision.
fn half_precision(model: &[u8]) -> Result<Vec<u8>> {
    let weights = StateDict::from_bytes(model)?;
    let mut tensors = Vec::new();
    for name in weights.names() {
        let array: ArrayD<f32> = weights.array(name)?;
        let bytes: Vec<u8> = array.iter().flat_map(|&number| f16::from_f32(number).to_le_bytes()).collect();
        tensors.push((name, Tensor::from_bytes(DType::F16, array.shape(), bytes)?));
    }
    let mut file = Vec::new();
    pt_file::save(&mut file, &Value::state_dict(tensors))?;
    Ok(file)
}

/// The number of texts of one word that [`first_difference`] compares.
const COMPARED: u32 = 200;

/// A word after which the two models predict different words.
fn first_difference(one: &LanguageModel, other: &LanguageModel) -> Result<Option<u32>> {
    for word in 0..COMPARED.min(one.words() as u32) {
        let [Some(first), Some(second)] =
            [one.choices(&[word], 1.0, Some(1))?.pop(), other.choices(&[word], 1.0, Some(1))?.pop()]
        else {
            bail!("the vocabulary is empty");
        };
        if first.number != second.number {
            return Ok(Some(word));
        }
    }
    Ok(None)
}
