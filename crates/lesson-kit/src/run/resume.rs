//! `--resume`: checks that the new run continues the same run.

use std::path::Path;

use anyhow::{Context, Result, bail};
use pt_file::escape;
use serde_json::Value as Json;

use super::loss_history::LossHistory;
use crate::WorkerGroup;
use crate::checkpoint::Checkpoint;
use crate::data_digest::DATA_DIGEST;
use crate::exit::UsageError;
use crate::file_names::{MAX_METRICS, METRICS};

/// Options that may differ in a resumed run. The bits are equal only with the same device and number of processes.
const MAY_CHANGE: [&str; 4] = ["epochs", "processes", "versions", "device"];

/// Options that name the training data. They may differ if the data is compared by its digest.
const DATA_OPTIONS: [&str; 4] = ["csv", "order", "data", "corpus"];

/// Options that may differ between the workers of a group.
const MAY_DIFFER_BY_RANK: [&str; 2] = ["device", "threads"];

/// Checks that the training data is the same in the checkpoint's run and in this one.
///
/// # Errors
/// [`UsageError`] with both digests, unless a change is `allowed`.
pub(crate) fn check_data(before: &Json, now: &Json, allowed: bool, folder: &Path) -> Result<()> {
    let digest = |config: &Json| config[DATA_DIGEST].as_str().map(str::to_owned);
    match (digest(before), digest(now)) {
        (Some(before), Some(now)) if before != now && !allowed => {
            let message = format!(
                "--resume: the training data has changed since the run in {} began: its SHA-256 was {before}, it is {now} now; \
                 restore the data, or add --allow-changed-data",
                folder.display()
            );
            Err(UsageError(message).into())
        }
        _ => Ok(()),
    }
}

/// Checks that no option differs between the checkpoint's run and this one. The entries `ignored` may differ.
///
/// # Errors
/// [`UsageError`] for the first option that differs, with both values.
pub(crate) fn check_options(before: &Json, now: &Json, ignored: &[String], folder: &Path) -> Result<()> {
    // The same data can be in another file.
    let data_is_checked =
        before[DATA_DIGEST].is_string() && (before[DATA_DIGEST] == now[DATA_DIGEST] || !ignored.is_empty());
    let may_change = |key: &String| {
        let key = key.as_str();
        MAY_CHANGE.contains(&key)
            || data_is_checked && DATA_OPTIONS.contains(&key)
            || ignored.iter().any(|name| name == key)
    };
    for (key, now) in now.as_object().into_iter().flatten().filter(|(key, _)| !may_change(key)) {
        let before = match &before[key] {
            Json::Null if key == "backend" => &Json::from("exact"), // the backend of checkpoints without this entry
            Json::Null if key == DATA_DIGEST => now,                // the checkpoint does not have it
            before => before,
        };
        if before != now {
            let folder = folder.display();
            let message = format!(
                "--resume: the run in {folder} has {key} = {before}, this one would have {now}; \
                 remove the option, or train into another folder with --out"
            );
            return Err(UsageError(message).into());
        }
    }
    Ok(())
}

/// A note if the run continues on another device. docs/gpu.md has the measurements; the tests on a GPU check the first one.
pub(crate) fn device_note(before: &Json, now: &Json) -> Option<String> {
    let name = |config: &Json| config["device"].as_str().map(|name| escape(name).into_owned());
    let (before, now, dropout) = (name(before)?, name(now)?, now["dropout"].as_f64().unwrap_or(0.0));
    (before != now).then(|| {
        let agreement = if dropout > 0.0 {
            "its losses will differ, as with another seed: dropout draws its masks from each device's own generator"
        } else {
            "its numbers agree up to rounding, not to the bit: the next loss within 5e-5 (relative; 1e-3 where a GPU rounds to \
             TF32), later ones less and less"
        };
        format!("--resume: the run began on {before} and continues on {now}: {agreement}")
    })
}

/// A note if the run continues with another number of processes.
pub(crate) fn processes_note(before: &Json, now: &Json) -> Option<String> {
    let name = |config: &Json| match config["processes"].as_u64() {
        None => "one process without torchrun".to_owned(),
        Some(1) => "1 process under torchrun".to_owned(),
        Some(count) => format!("{count} processes"),
    };
    let (before, now) = (name(before), name(now));
    (before != now).then(|| {
        format!(
            "--resume: the run had {before} and has {now}: sums are rounded differently, examples may come in another order, \
             and the bits will differ"
        )
    })
}

/// Checks that all workers have the same options and the same training data.
///
/// # Errors
/// [`UsageError`] for the first entry that differs from rank 0's.
pub(crate) fn check_workers(now: &Json, workers: &WorkerGroup) -> Result<()> {
    workers.compare_with_rank_zero(&now.to_string(), |first| {
        let first: Json = serde_json::from_str(first).context("rank 0's options")?;
        let options = now.as_object().into_iter().flatten();
        for (key, own) in options.filter(|(key, _)| !MAY_DIFFER_BY_RANK.contains(&key.as_str())) {
            if first[key] != *own {
                if key == DATA_DIGEST {
                    let message = format!(
                        "the training data here is not that of rank 0: its SHA-256 is {own} here and {} on rank 0; copy the \
                         data of rank 0 to this machine",
                        first[key]
                    );
                    return Err(UsageError(message).into());
                }
                let message = format!(
                    "{key} = {own} here and {} on rank 0; start all processes with the same options",
                    first[key]
                );
                return Err(UsageError(message).into());
            }
        }
        Ok(())
    })
}

/// Checks that there is something left to train.
///
/// # Errors
/// [`UsageError`] if the checkpoint has more than `epochs` epochs, or the run is finished and `epochs` is not larger.
pub(crate) fn check_epochs(checkpoint: &Checkpoint, epochs: u32, finished: bool, folder: &Path) -> Result<()> {
    let (done, folder) = (checkpoint.epoch, folder.display());
    let begun = done + u32::from(checkpoint.batch.is_some());
    if epochs < begun {
        return Err(UsageError(format!("--epochs {epochs}: the run in {folder} is already in epoch {begun}")).into());
    }
    if epochs == done && finished {
        let message = format!("--resume: the run in {folder} is finished; --epochs N with N above {done} continues it");
        return Err(UsageError(message).into());
    }
    Ok(())
}

/// Reads the losses of the first `epochs` lines of `metrics.jsonl`; also returns the length of these lines in bytes.
///
/// # Errors
/// If lines are missing, or are not records of these epochs.
pub(crate) fn read_losses(folder: &Path, epochs: u32) -> Result<(LossHistory, u64)> {
    let path = folder.join(METRICS);
    let text =
        pt_file::regular_file::read(&path, MAX_METRICS).with_context(|| format!("cannot read {}", path.display()))?;
    let (mut losses, mut length) = (LossHistory::default(), 0);
    let mut lines = text.split_inclusive(|&byte| byte == b'\n');
    for epoch in 1..=epochs {
        let line = lines.next().filter(|line| line.ends_with(b"\n")).unwrap_or_default();
        if let Err(error) = losses.push_record(line, epoch) {
            bail!(
                "{}, line {epoch}: {error}; the checkpoint is of epoch {epochs}. The file was changed: restore it, or \
                 start again with --overwrite",
                path.display()
            );
        }
        length += line.len() as u64;
    }
    Ok((losses, length))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn another_number_of_processes_gives_a_note() {
        let (alone, one, two) = (json!({"lr": 0.1}), json!({"processes": 1}), json!({"processes": 2}));
        assert_eq!(processes_note(&two, &two), None);
        assert_eq!(processes_note(&alone, &alone), None);
        let line = processes_note(&two, &alone).unwrap();
        assert!(line.contains("the run had 2 processes and has one process without torchrun: sums"), "{line}");
        assert!(processes_note(&alone, &one).unwrap().contains("without torchrun and has 1 process under torchrun"));
    }

    #[test]
    fn another_device_is_allowed_and_gives_a_note() {
        let (cpu, cuda) = (json!({"lr": 0.1, "device": "cpu"}), json!({"lr": 0.1, "device": "cuda:0"}));
        assert!(check_options(&cuda, &cpu, &[], Path::new("run")).is_ok());
        assert_eq!(device_note(&cpu, &cpu), None);
        let line = device_note(&cuda, &cpu).unwrap();
        assert!(
            line.starts_with("--resume: the run began on cuda:0 and continues on cpu: its numbers agree"),
            "{line}"
        );
        assert!(line.contains("the next loss within 5e-5 (relative;"), "{line}");
        let dropping = json!({"device": "cuda:0", "dropout": 0.2});
        assert!(device_note(&cpu, &dropping).unwrap().contains("dropout draws its masks"));
        assert!(check_options(&cpu, &json!({"lr": 0.2, "device": "cpu"}), &[], Path::new("run")).is_err());
    }
}
