//! `--resume`: what an unfinished run says about the one that goes on with it.

use std::ffi::OsString;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::{ArgMatches, Command};
use serde_json::Value as Json;

use crate::args::is_typed;
use crate::checkpoint::Checkpoint;
use crate::exit::UsageError;
use crate::losses::Losses;
use crate::{Lesson, processes, run_folder};

/// Options that a resumed run may have of its own: how much further it goes, and where. Only on the device where it began, and
/// shared by as many processes, it comes to the same bits.
const FREE: [&str; 4] = ["epochs", "processes", "versions", "device"];

/// Options that the processes of a group may each have of their own: they say where it computes.
const LOCAL: [&str; 2] = ["device", "threads"];

/// Options that the first checkpoints do not have, and what they were then.
const NEWER: [(&str, &str); 1] = [("backend", "exact")];

/// The checkpoint in `folder`.
///
/// # Errors
/// If there is none, or it is not one of `lesson`.
pub fn checkpoint(folder: &Path, lesson: &str) -> Result<Checkpoint> {
    let path = folder.join(run_folder::CHECKPOINT);
    let check = || {
        ensure!(
            path.exists(),
            "--resume: there is no {}; without --resume a run starts from the beginning",
            path.display()
        );
        Ok(())
    };
    let mut checkpoint = if processes::current().is_some() {
        // The others may be on machines that do not have the file.
        let bytes = processes::bytes_of_first(|| check().and_then(|()| Ok(fs::read(&path)?)))?;
        Checkpoint::read_from(Cursor::new(bytes), &path, lesson)?
    } else {
        check()?;
        Checkpoint::read(&path, lesson)?
    };
    if let Json::Object(config) = &mut checkpoint.config {
        for (key, value) in NEWER {
            config.entry(key).or_insert_with(|| value.into());
        }
    }
    Ok(checkpoint)
}

/// With `--resume`: `arguments` and, for every option that was not typed, what the checkpoint's run had: `--lr=0.01`.
/// `None` without it.
///
/// # Errors
/// As [`checkpoint`].
pub fn whole_command_line(
    lesson: &Lesson,
    command: &Command,
    matches: &ArgMatches,
    arguments: &[OsString],
) -> Result<Option<Vec<OsString>>> {
    let (Ok(Some(true)), Ok(Some(out))) = (matches.try_get_one("resume"), matches.try_get_one::<PathBuf>("out")) else {
        return Ok(None);
    };
    let config = checkpoint(out, lesson.name)?.config;
    let option = |(key, value): (&String, &Json)| {
        let long = command.get_arguments().find(|argument| argument.get_id() == key)?.get_long()?;
        let typed = is_typed(matches, key) || key == "device" && is_typed(matches, "cuda");
        let option = match value {
            Json::Bool(true) => format!("--{long}"),
            Json::String(text) => format!("--{long}={text}"),
            Json::Number(number) => format!("--{long}={number}"),
            _ => return None, // not set, and so it stays
        };
        (!typed).then_some(OsString::from(option))
    };
    let options = config.as_object().into_iter().flatten().filter_map(option);
    let (program, typed) = arguments.split_at(1.min(arguments.len()));
    Ok(Some(program.iter().cloned().chain(options).chain(typed.iter().cloned()).collect()))
}

/// Makes sure that the run which goes on is the run that stopped.
///
/// # Errors
/// [`UsageError`] for the first option that differs, with both values.
pub fn check_options(before: &Json, now: &Json, folder: &Path) -> Result<()> {
    let options = now.as_object().into_iter().flatten().filter(|(key, _)| !FREE.contains(&key.as_str()));
    for (key, now) in options {
        let before = &before[key];
        if before != now {
            let folder = folder.display();
            let message = format!(
                "--resume: the run in {folder} has {key} = {before}, this one would have {now}; \
                 leave the option away, or train into another folder with --out"
            );
            return Err(UsageError(message).into());
        }
    }
    Ok(())
}

/// A line for the user if the run goes on elsewhere than where it stopped, else `None`. docs/gpu.md says where its figures come
/// from; the tests on a GPU hold the first one.
pub fn other_device(before: &Json, now: &Json) -> Option<String> {
    let name = |config: &Json| config["device"].as_str().map(str::to_owned);
    let (before, now, dropout) = (name(before)?, name(now)?, now["dropout"].as_f64().unwrap_or(0.0));
    (before != now).then(|| {
        let agree = if dropout > 0.0 {
            "its losses are others, as with another seed: dropout draws its masks from each device's own generator"
        } else {
            "its numbers agree to rounding, not to the bit: the next loss within 5e-5 (relative; 1e-3 where a GPU rounds to \
             TF32), later ones less and less"
        };
        format!("--resume: the run began on {before} and goes on on {now}: {agree}")
    })
}

/// A line for the user if the run goes on with another number of processes, else `None`.
pub fn other_processes(before: &Json, now: &Json) -> Option<String> {
    let name = |config: &Json| match config["processes"].as_u64() {
        None => "one process without torchrun".to_owned(),
        Some(1) => "1 process under torchrun".to_owned(),
        Some(count) => format!("{count} processes"),
    };
    let (before, now) = (name(before), name(now));
    (before != now).then(|| {
        format!(
            "--resume: the run had {before} and has {now}: sums are rounded otherwise, examples may come in another order, \
             and the bits are others"
        )
    })
}

/// Makes sure that all processes of a group were started alike.
///
/// # Errors
/// [`UsageError`] for the first option of which rank 0 has another value.
pub fn check_processes(now: &Json) -> Result<()> {
    let Some(processes) = processes::current() else { return Ok(()) };
    processes.compare_with_first(&now.to_string(), |first| {
        let first: Json = serde_json::from_str(first).context("rank 0's options")?;
        let options = now.as_object().into_iter().flatten().filter(|(key, _)| !LOCAL.contains(&key.as_str()));
        for (key, own) in options {
            if first[key] != *own {
                let message = format!("{key} = {own} here and {} on rank 0: start all of them alike", first[key]);
                return Err(UsageError(message).into());
            }
        }
        Ok(())
    })
}

/// Makes sure that there is something left to do: a run that lacks its end, or epochs beyond it.
///
/// # Errors
/// [`UsageError`] if `epochs` are fewer than there are already, or none are left and the run is finished.
pub fn check_epochs(checkpoint: &Checkpoint, epochs: u32, finished: bool, folder: &Path) -> Result<()> {
    let (done, folder) = (checkpoint.epoch, folder.display());
    let begun = u32::from(checkpoint.batch.is_some());
    if epochs < done + begun {
        return Err(
            UsageError(format!("--epochs {epochs}: the run in {folder} has come to epoch {}", done + begun)).into()
        );
    }
    if epochs == done && finished {
        let message = format!("--resume: the run in {folder} is finished; --epochs N with N above {done} trains on");
        return Err(UsageError(message).into());
    }
    Ok(())
}

/// The losses of the first `epochs` lines of `metrics.jsonl`, and how many bytes these are.
///
/// # Errors
/// If there are fewer lines, or they are not those of a run.
pub fn losses(folder: &Path, epochs: u32) -> Result<(Losses, u64)> {
    let path = folder.join(run_folder::METRICS);
    let text = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let (mut losses, mut length) = (Losses::default(), 0);
    let mut lines = text.split_inclusive(|&byte| byte == b'\n');
    for epoch in 1..=epochs {
        let line = lines.next().filter(|line| line.ends_with(b"\n")).unwrap_or_default();
        if let Err(error) = read_line(line, epoch, &mut losses) {
            bail!(
                "{}, line {epoch}: {error}; the checkpoint is of epoch {epochs}. The file was changed: put it back, or \
                 start anew with --overwrite",
                path.display()
            );
        }
        length += line.len() as u64;
    }
    Ok((losses, length))
}

fn read_line(line: &[u8], epoch: u32, losses: &mut Losses) -> Result<()> {
    let record: Json = serde_json::from_slice(line).context("no record of an epoch")?;
    ensure!(record["epoch"].as_u64() == Some(epoch.into()), "the record of another epoch");
    let number = |value: &Json| value.as_f64().map(|number| number as f32).context("a loss is no number");
    for batch in record["batch_losses"].as_array().into_iter().flatten() {
        losses.push_batch(number(batch)?);
    }
    losses.push_epoch(epoch, number(&record["loss"])?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn another_number_of_processes_is_said() {
        let (alone, one, two) = (json!({"lr": 0.1}), json!({"processes": 1}), json!({"processes": 2}));
        assert_eq!(other_processes(&two, &two), None);
        assert_eq!(other_processes(&alone, &alone), None);
        let line = other_processes(&two, &alone).unwrap();
        assert!(line.contains("the run had 2 processes and has one process without torchrun: sums"), "{line}");
        assert!(other_processes(&alone, &one).unwrap().contains("without torchrun and has 1 process under torchrun"));
    }

    #[test]
    fn another_device_is_allowed_and_said() {
        let (cpu, cuda) = (json!({"lr": 0.1, "device": "cpu"}), json!({"lr": 0.1, "device": "cuda:0"}));
        assert!(check_options(&cuda, &cpu, Path::new("run")).is_ok());
        assert_eq!(other_device(&cpu, &cpu), None);
        let line = other_device(&cuda, &cpu).unwrap();
        assert!(line.starts_with("--resume: the run began on cuda:0 and goes on on cpu: its numbers agree"), "{line}");
        assert!(line.contains("the next loss within 5e-5 (relative;"), "{line}");
        let dropping = json!({"device": "cuda:0", "dropout": 0.2});
        assert!(other_device(&cpu, &dropping).unwrap().contains("dropout draws its masks"));
        assert!(check_options(&cpu, &json!({"lr": 0.2, "device": "cpu"}), Path::new("run")).is_err());
    }
}
