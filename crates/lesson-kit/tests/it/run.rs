//! The library interface of a run with batches: records, pictures, summary.

use std::fs;
use std::path::Path;

use lesson_kit::plot::LineChart;
use lesson_kit::{Defaults, Evaluation, Hyperparameters, Lesson, Program, Run, RunArgs, parse};
use serde_json::{Value, json};
use tch::Tensor;
use torch_ext::data::ShuffledBatches;
use torch_ext::optim::{Sgd, SgdOptions};

use crate::seeded;

const LESSON: Lesson = Lesson {
    name: "batched",
    version: "0.0.0",
    defaults: Defaults { epochs: 2, lr: 0.1, hidden_size: 1, num_layers: 1, batch_size: Some(2) },
    pictures: &["picture"],
    texts: &[],
};

#[derive(clap::Parser)]
struct Cli {
    #[command(flatten)]
    options: Hyperparameters,
    #[command(flatten)]
    run: RunArgs,
}

#[derive(serde::Serialize)]
struct Accuracy {
    test_accuracy: f64,
}

impl Evaluation for Accuracy {
    fn lines(&self) -> Vec<String> {
        Vec::new()
    }

    fn tensors(&self) -> anyhow::Result<Vec<(&'static str, &'static str, Tensor)>> {
        Ok(Vec::new())
    }
}

fn start(out: &Path, more: &str) -> Run {
    let arguments = format!("batched -q --device cpu {more} --out {}", out.display());
    let (cli, _) = parse::<Cli>(&LESSON, arguments.split_whitespace()).unwrap();
    Run::start(&Program::new(&LESSON), &cli.run, &cli.options, json!({ "batch_size": 2 })).unwrap()
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn epoch(run: &mut Run, epoch: u32, losses: &[f32]) -> anyhow::Result<()> {
    let loader = ShuffledBatches::new(losses.len() as i64, 1)?;
    for (_indices, loss) in run.batches(&loader)?.zip(losses) {
        run.record_batch(epoch, &Tensor::from(*loss))?;
    }
    assert_eq!(run.batch_losses()?, losses);
    run.record_with(epoch, losses.iter().sum::<f32>() / losses.len() as f32, json!({ "accuracy": 0.5 }))
}

#[test]
fn a_record_has_batch_losses_and_the_lessons_figures() {
    let _guard = seeded(0);
    let dir = tempfile::tempdir().unwrap();
    let mut run = start(dir.path(), "-e 2");
    assert_eq!(run.epochs().collect::<Vec<_>>(), [1, 2]);
    epoch(&mut run, 1, &[3.0, 2.0]).unwrap();
    epoch(&mut run, 2, &[1.5, 0.1]).unwrap();
    run.save_model(&[("w".to_owned(), Tensor::from(1f32))]).unwrap();
    run.save_plot("picture", &LineChart::new("p", "x", "y")).unwrap();
    run.finish(&Accuracy { test_accuracy: 0.75 }).unwrap();

    let metrics = fs::read_to_string(dir.path().join("metrics.jsonl")).unwrap();
    let expected = [
        r#"{"epoch":1,"loss":2.5,"accuracy":0.5,"batch_losses":[3.0,2.0]}"#,
        r#"{"epoch":2,"loss":0.8,"accuracy":0.5,"batch_losses":[1.5,0.1]}"#,
    ];
    assert_eq!(metrics.lines().collect::<Vec<_>>(), expected);
    assert_eq!(json(&dir.path().join("config.json"))["batch_size"], 2);
    assert_eq!(json(&dir.path().join("summary.json"))["test_accuracy"], 0.75);
    let svg = fs::read_to_string(dir.path().join("loss.svg")).unwrap();
    assert!(svg.contains("epoch mean") && svg.contains("batched: training loss"));
    assert!(dir.path().join("picture.png").exists());
}

#[test]
fn the_options_are_written_with_the_first_record() {
    let _guard = seeded(0);
    let dir = tempfile::tempdir().unwrap();
    let files = || {
        let mut names: Vec<String> =
            fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| name != ".lock");
        names.sort();
        names
    };
    let weight = Tensor::from_slice(&[1f32]);
    let begin = || {
        let mut run = start(dir.path(), "");
        let mut optimizer = Sgd::new([&weight], SgdOptions::default()).unwrap();
        run.begin(&[("w".to_owned(), weight.shallow_clone())], &mut optimizer).unwrap();
        run
    };
    fs::write(dir.path().join("summary.json"), "{}").unwrap();
    let config = r#"{"lesson": "batched", "files": ["config.json", "summary.json"]}"#;
    fs::write(dir.path().join("config.json"), config).unwrap();

    let failed = begin();
    let waiting = files();
    assert!(waiting[0].starts_with(".config.json.") && waiting[1..] == ["config.json", "summary.json"], "{waiting:?}");
    assert_eq!(json(&dir.path().join(&waiting[0]))["lesson"], "batched", "written before the clock starts");
    drop(failed);
    assert_eq!(files(), ["config.json", "summary.json"], "a run without a record leaves nothing");
    assert_eq!(fs::read_to_string(dir.path().join("config.json")).unwrap(), config);

    let mut run = begin();
    run.record(1, 0.5).unwrap();
    assert_eq!(files(), ["config.json", "metrics.jsonl"]);
    assert_eq!(json(&dir.path().join("config.json"))["lesson"], "batched");
}

#[test]
fn a_file_that_appears_after_the_start_is_kept() {
    let _guard = seeded(0);
    let dir = tempfile::tempdir().unwrap();
    let mut run = start(dir.path(), "");
    fs::write(dir.path().join("best.safetensors"), "mine").unwrap();
    run.record(1, 0.5).unwrap();
    assert_eq!(fs::read_to_string(dir.path().join("best.safetensors")).unwrap(), "mine");
}

#[test]
fn a_nan_loss_of_a_batch_stops_the_run_and_keeps_the_last_good_model() {
    let _guard = seeded(0);
    let dir = tempfile::tempdir().unwrap();
    let mut run = start(dir.path(), "");
    let mut weight = Tensor::from_slice(&[1f32]);
    let mut optimizer = Sgd::new([&weight], SgdOptions::default()).unwrap();
    run.begin(&[("w".to_owned(), weight.shallow_clone())], &mut optimizer).unwrap();
    epoch(&mut run, 1, &[3.0, 2.0]).unwrap();
    run.record_batch(2, &Tensor::from(1f32)).unwrap();
    let _ = weight.fill_(f64::NAN);
    let message = run.record_batch(2, &Tensor::from(f32::NAN)).unwrap_err().to_string();
    assert!(message.starts_with("the loss is NaN in epoch 2; try a smaller --lr than 0.1\n"), "{message}");
    assert!(message.ends_with("model.pt holds the parameters of epoch 1, the last good ones"));
    let archive = fs::read(dir.path().join("model.pt")).unwrap();
    assert!(archive.windows(4).any(|bytes| bytes == 1f32.to_le_bytes()), "the weight from before");
    assert!(!archive.windows(4).any(|bytes| bytes == f32::NAN.to_le_bytes()));
}

#[test]
fn a_dry_run_has_one_batch_and_no_folder() {
    let _guard = seeded(0);
    let dir = tempfile::tempdir().unwrap();
    let mut run = start(dir.path(), "--dry-run");
    let loader = ShuffledBatches::new(3, 1).unwrap();
    assert_eq!((run.epochs().count(), run.batches(&loader).unwrap().count(), run.folder()), (1, 1, None));
    run.record(1, 0.5).unwrap();
    run.save_model(&[]).unwrap();
    run.save_plot("picture", &LineChart::new("p", "x", "y")).unwrap();
    run.finish(&()).unwrap();
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_picture_that_the_lesson_does_not_list_is_an_error() {
    let _guard = seeded(0);
    let dir = tempfile::tempdir().unwrap();
    let run = start(dir.path(), "");
    let message = run.save_plot("other", &LineChart::new("p", "x", "y")).unwrap_err().to_string();
    assert_eq!(message, "the picture \"other\" is not in the lesson's list (Lesson::pictures)");
    assert_eq!(run.finish(&()).unwrap_err().to_string(), "the run ended before its first epoch");
}
