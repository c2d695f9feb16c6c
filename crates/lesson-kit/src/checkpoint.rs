//! `checkpoint.pt`: everything that `--resume` needs to continue to the same bits.
//!
//! | entry | content |
//! |---|---|
//! | `lesson`, `config` | the lesson's name, and the options as in `config.json` |
//! | `epoch`, `train_seconds` | the number of complete epochs, and the time they took |
//! | `model` | the `state_dict` |
//! | `optimizer`, `scheduler` | their `state_dict()` in Python's layout; `None` without a scheduler |
//! | `best` | `epoch`, `loss` and `model` of the lowest recorded loss |
//! | `rng_state` | `torch.get_rng_state()` |
//! | `rng_states` | of a distributed run: the state of each rank; `rng_state` is then that of rank 0 |
//! | `batch` | `None`, or the position in an incomplete epoch: `rng_state` at the start of the epoch, which determines the shuffled order, the `losses` of the completed batches, and `carried`: the hidden state with which the next batch starts, if there is one |

use std::io::Cursor;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use pt_file::{Dict, Value, escape, regular_file};
use serde_json::Value as Json;

use crate::WorkerGroup;
use crate::file_names::CHECKPOINT;

/// The content of a checkpoint.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    /// The lesson's name.
    pub lesson: String,
    /// `config.json`.
    pub config: Json,
    /// The number of complete epochs.
    pub epoch: u32,
    /// Wall-clock time of the training loop, in seconds.
    pub train_seconds: f64,
    /// The `state_dict`.
    pub model: Value,
    /// The optimizer's `state_dict()`.
    pub optimizer: Value,
    /// The scheduler's, or `None`.
    pub scheduler: Value,
    /// The lowest recorded loss, and its parameters.
    pub best: Option<Best>,
    /// The state of the default CPU generator.
    pub rng_state: pt_file::Tensor,
    /// The states of all ranks; empty for a run without torchrun.
    pub rng_states: Vec<pt_file::Tensor>,
    /// The position in the epoch after `epoch`.
    pub batch: Option<BatchPosition>,
}

/// The lowest recorded loss.
#[derive(Debug)]
pub(crate) struct Best {
    /// The epoch of this loss.
    pub epoch: u32,
    /// The loss.
    pub loss: f32,
    /// The `state_dict` after that record.
    pub model: Value,
}

/// A position in an incomplete epoch.
#[derive(Debug)]
pub(crate) struct BatchPosition {
    /// The generator's state at the start of the epoch.
    pub rng_state: pt_file::Tensor,
    /// The losses of the completed batches.
    pub losses: Vec<f32>,
    /// The hidden state with which the next batch starts; empty if batches do not depend on each other.
    pub carried: Vec<pt_file::Tensor>,
}

impl Checkpoint {
    /// Reads the checkpoint in the run folder `folder`. Under torchrun rank 0 reads it for all: other machines may not have the
    /// file.
    ///
    /// # Errors
    /// If the file does not exist, cannot be read, is unsafe or broken, or is not a checkpoint of `lesson`.
    pub fn read_in(folder: &Path, lesson: &str, workers: &WorkerGroup) -> Result<Checkpoint> {
        let path = folder.join(CHECKPOINT);
        let check = || {
            ensure!(
                path.exists(),
                "--resume: there is no {}; without --resume a run starts from the beginning",
                path.display()
            );
            Ok(())
        };
        if workers.is_distributed() {
            let bytes = workers.broadcast_bytes(|| {
                check()?;
                regular_file::read(&path, u64::MAX).with_context(|| path.display().to_string())
            })?;
            let length = bytes.len() as u64;
            return Checkpoint::of_lesson(pt_file::load(Cursor::new(bytes)), length, &path, lesson);
        }
        check()?;
        let file = regular_file::open(&path).with_context(|| path.display().to_string())?;
        let length = file.metadata().with_context(|| path.display().to_string())?.len();
        Checkpoint::of_lesson(pt_file::load(file), length, &path, lesson)
    }

    /// Checks that no other process has written the file since it was read. Call it with the lock of the folder.
    ///
    /// # Errors
    /// If it is another checkpoint now.
    pub fn check_unchanged(&self, folder: &Path) -> Result<()> {
        let path = folder.join(CHECKPOINT);
        let reader = regular_file::open(&path).map_err(pt_file::Error::from).and_then(pt_file::Reader::new);
        let reader = reader.with_context(|| path.display().to_string())?;
        let (epoch, seconds) = (reader.value().get("epoch"), reader.value().get("train_seconds"));
        let is_same = epoch.and_then(|epoch| epoch.as_int()) == Some(i64::from(self.epoch))
            && seconds.and_then(|seconds| seconds.as_float()) == Some(self.train_seconds);
        ensure!(is_same, "{} was changed by another process meanwhile; start again with --resume", path.display());
        Ok(())
    }

    fn of_lesson(value: pt_file::Result<Value>, length: u64, path: &Path, lesson: &str) -> Result<Checkpoint> {
        let value = value.with_context(|| path.display().to_string())?;
        match value.get("lesson").and_then(Value::as_str) {
            Some(name) if name == lesson => {}
            Some(other) => bail!("{} is a checkpoint of {}, not of {lesson}", path.display(), escape(other)),
            None => bail!("{} is not a checkpoint of {lesson}: it has no entry \"lesson\"", path.display()),
        }
        let checkpoint = Checkpoint::from_value(&value).and_then(|checkpoint| {
            check_sizes(&checkpoint.config, length)?;
            Ok(checkpoint)
        });
        checkpoint.with_context(|| path.display().to_string())
    }

    fn from_value(value: &Value) -> Result<Checkpoint> {
        Ok(Checkpoint {
            lesson: entry(value, "lesson")?.as_str().unwrap_or_default().to_owned(),
            config: to_json(entry(value, "config")?),
            epoch: epoch(value)?,
            train_seconds: float(value, "train_seconds")?.max(0.0),
            model: entry(value, "model")?.clone(),
            optimizer: entry(value, "optimizer")?.clone(),
            scheduler: entry(value, "scheduler")?.clone(),
            best: not_none(entry(value, "best")?).map(Best::from_value).transpose().context("\"best\"")?,
            rng_state: tensor(value, "rng_state")?,
            rng_states: value.get("rng_states").map_or(Ok(Vec::new()), tensors).context("\"rng_states\"")?,
            batch: not_none(entry(value, "batch")?).map(BatchPosition::from_value).transpose().context("\"batch\"")?,
        })
    }

    /// The content of the file.
    pub fn into_value(self) -> Value {
        let entries = [
            ("lesson", self.lesson.into()),
            ("config", from_json(&self.config)),
            ("epoch", self.epoch.into()),
            ("train_seconds", self.train_seconds.into()),
            ("model", self.model),
            ("optimizer", self.optimizer),
            ("scheduler", self.scheduler),
            ("best", self.best.map(Best::into_value).into()),
            ("rng_state", self.rng_state.into()),
            ("batch", self.batch.map(BatchPosition::into_value).into()),
        ];
        let distributed = !self.rng_states.is_empty();
        let states = distributed.then(|| ("rng_states", Value::list(self.rng_states)));
        Value::dict(entries.into_iter().chain(states))
    }
}

impl Best {
    fn from_value(value: &Value) -> Result<Best> {
        Ok(Best { epoch: epoch(value)?, loss: float(value, "loss")? as f32, model: entry(value, "model")?.clone() })
    }

    fn into_value(self) -> Value {
        Value::dict([("epoch", self.epoch.into()), ("loss", f64::from(self.loss).into()), ("model", self.model)])
    }
}

impl BatchPosition {
    fn from_value(value: &Value) -> Result<BatchPosition> {
        let losses = entry(value, "losses")?.as_slice().unwrap_or_default();
        let losses = losses.iter().map(|loss| loss.as_float().map(|loss| loss as f32)).collect::<Option<_>>();
        Ok(BatchPosition {
            rng_state: tensor(value, "rng_state")?,
            losses: losses.context("a loss is not a number")?,
            carried: value.get("carried").map_or(Ok(Vec::new()), tensors).context("\"carried\"")?,
        })
    }

    fn into_value(self) -> Value {
        let losses = Value::list(self.losses.iter().map(|&loss| f64::from(loss)));
        Value::dict([("rng_state", self.rng_state.into()), ("losses", losses), ("carried", Value::list(self.carried))])
    }
}

/// Checks the sizes in `config` against the length of the file. The options come from `config`: with them a model is built
/// before the weights are copied. Each layer has at least hidden_size * hidden_size weights of four bytes.
fn check_sizes(config: &Json, file_len: u64) -> Result<()> {
    let size = |key: &str| config[key].as_u64().unwrap_or(0);
    let (hidden_size, num_layers) = (size("hidden_size"), size("num_layers"));
    let bytes = hidden_size.saturating_mul(hidden_size).saturating_mul(num_layers).saturating_mul(4);
    ensure!(
        bytes <= file_len,
        "\"config\" has hidden_size = {hidden_size} and num_layers = {num_layers}: these weights do not fit in a file of \
         {file_len} bytes"
    );
    Ok(())
}

fn entry<'a>(value: &'a Value, key: &str) -> Result<&'a Value> {
    value.get(key).with_context(|| format!("there is no entry {key:?}"))
}

fn not_none(value: &Value) -> Option<&Value> {
    (*value != Value::None).then_some(value)
}

fn epoch(value: &Value) -> Result<u32> {
    let epoch = entry(value, "epoch")?.as_int().and_then(|epoch| u32::try_from(epoch).ok());
    epoch.context("\"epoch\" is not a number of epochs")
}

fn float(value: &Value, key: &str) -> Result<f64> {
    let number = entry(value, key)?.as_float().with_context(|| format!("{key:?} is not a number"))?;
    ensure!(number.is_finite(), "{key:?} is {number}");
    Ok(number)
}

fn tensors(value: &Value) -> Result<Vec<pt_file::Tensor>> {
    let tensors = value.as_slice().unwrap_or_default().iter().map(|item| item.as_tensor().cloned());
    tensors.collect::<Option<_>>().context("an entry is not a tensor")
}

fn tensor(value: &Value, key: &str) -> Result<pt_file::Tensor> {
    entry(value, key)?.as_tensor().cloned().with_context(|| format!("{key:?} is not a tensor"))
}

/// JSON as Python objects.
fn from_json(json: &Json) -> Value {
    match json {
        Json::Null => Value::None,
        Json::Bool(value) => (*value).into(),
        Json::Number(number) => number.as_i64().map_or_else(|| number.as_f64().into(), Value::from),
        Json::String(text) => text.as_str().into(),
        Json::Array(items) => Value::list(items.iter().map(from_json)),
        Json::Object(entries) => Value::dict(entries.iter().map(|(key, value)| (key.as_str(), from_json(value)))),
    }
}

/// The inverse of [`from_json`].
pub(crate) fn to_json(value: &Value) -> Json {
    let entries =
        |dict: &Dict| dict.iter().filter_map(|(key, value)| Some((key.as_str()?.to_owned(), to_json(value)))).collect();
    match value {
        Value::Bool(value) => (*value).into(),
        Value::Int(value) => (*value).into(),
        Value::Float(value) => (*value).into(),
        Value::Str(text) => text.as_str().into(),
        Value::List(items) | Value::Tuple(items) => items.iter().map(to_json).collect(),
        Value::Dict(dict) => Json::Object(entries(dict)),
        _ => Json::Null, // `from_json` makes no other values
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_checkpoint_that_another_process_has_written_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let checkpoint = |epoch| Checkpoint {
            lesson: "some-lesson".to_owned(),
            config: json!({}),
            epoch,
            train_seconds: 1.5,
            model: Value::None,
            optimizer: Value::None,
            scheduler: Value::None,
            best: None,
            rng_state: pt_file::Tensor::scalar(0f32),
            rng_states: Vec::new(),
            batch: None,
        };
        let save = |epoch| pt_file::save_file(folder.path().join(CHECKPOINT), &checkpoint(epoch).into_value()).unwrap();
        save(3);
        checkpoint(3).check_unchanged(folder.path()).unwrap();
        save(4);
        let message = checkpoint(3).check_unchanged(folder.path()).unwrap_err().to_string();
        assert!(message.ends_with("was changed by another process meanwhile; start again with --resume"), "{message}");
    }

    #[test]
    fn sizes_that_do_not_fit_in_the_file_are_an_error() {
        assert!(check_sizes(&json!({"hidden_size": 2, "num_layers": 3}), 48).is_ok());
        for config in
            [json!({"hidden_size": 20_000, "num_layers": 1}), json!({"hidden_size": 2, "num_layers": u64::MAX})]
        {
            let message = check_sizes(&config, 1_000_000).unwrap_err().to_string();
            assert!(message.ends_with("these weights do not fit in a file of 1000000 bytes"), "{message}");
        }
    }
}
