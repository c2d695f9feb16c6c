//! `compare` and `eval`: equal numbers, and the differences that they must report.

use std::fs;
use std::path::Path;

use lesson_kit::{Evaluation, Recording};
use parity::{Comparison, Row, tolerances};
use serde_json::Value;
use tch::nn::VarStore;
use tch::{Device, Reduction, Tensor};
use test_support::lesson::{assert_equal_bits, compare_live, text};
use test_support::{seeded, workspace};
use text_rnn::LESSON;
use text_rnn::data::{SENTENCES, Vocabulary, make_batch};
use text_rnn::model::TextRnn;
use torch_ext::nn::cross_entropy;
use torch_ext::optim::{Adam, AdamOptions};

use crate::BINARY;
use crate::support::text_rnn;

/// A folder with copies of the notebook and its recorded numbers. `change` edits each of the two files.
fn notebooks(change: impl Fn(&str, String) -> String) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("expected")).unwrap();
    for name in ["text_rnn.ipynb", "expected/text-rnn.json"] {
        let text = fs::read_to_string(workspace().join("notebooks-ref").join(name)).unwrap();
        fs::write(folder.path().join(name), change(name, text)).unwrap();
    }
    folder
}

/// Runs `compare` with such copies. Returns the exit code and the last line on stderr.
fn compare_with(folder: &Path) -> (Option<i32>, String) {
    let out = tempfile::tempdir().unwrap();
    let (folder, out) = (folder.to_str().unwrap(), out.path().to_str().unwrap());
    let output = text_rnn(&["compare", "--quiet", "--notebooks", folder, "--out", out]);
    let last = text(&output.stderr).lines().last().unwrap_or_default();
    (output.status.code(), last.replace(folder, "FOLDER"))
}

#[test]
fn the_results_equal_the_recorded_numbers() {
    let out = tempfile::tempdir().unwrap();
    let output = text_rnn(&["compare", "--quiet", "--json", "--out", out.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&report["ok"], report["rows"].as_array().unwrap().len()), (&Value::Bool(true), 17));
    assert!(out.path().join("compare.png").exists() && out.path().join("compare.svg").exists());

    let output = text_rnn(&["compare", "--quiet", "--out", out.path().to_str().unwrap()]);
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.starts_with("text-rnn and its notebook, as recorded: seed 0, 1 thread"), "{table}");
    assert_eq!(table.lines().count(), 2 + 17 + 1, "{table}");
}

#[test]
fn a_recorded_file_of_something_else_is_an_error() {
    let same = |_: &str, text: String| text;
    assert_eq!(compare_with(notebooks(same).path()), (Some(0), String::new()));
    let edited =
        notebooks(
            |name, text| {
                if name.ends_with("ipynb") { text.replacen("sentences = [", "sentences  = [", 1) } else { text }
            },
        );
    let (code, message) = compare_with(edited.path());
    assert_eq!(code, Some(1));
    assert!(
        message.starts_with("error: FOLDER/text_rnn.ipynb has changed since its numbers were recorded"),
        "{message}"
    );
    assert!(message.ends_with("scripts/run-notebooks.sh creates them again"), "{message}");

    let json = |from: &'static str, to: &'static str| {
        move |name: &str, text: String| if name.ends_with("json") { text.replacen(from, to, 1) } else { text }
    };
    let (code, message) = compare_with(notebooks(json("\"torch\": \"2.13.0", "\"torch\": \"2.12.0")).path());
    assert!(
        code == Some(1) && message.contains("those of torch 2.12.0, and this program has libtorch 2.13.0"),
        "{message}"
    );
    let (code, message) = compare_with(notebooks(json("\"lesson\": \"text-rnn\"", "\"lesson\": \"mnist-gru\"")).path());
    assert_eq!((code, message.as_str()), (Some(1), "error: these are the numbers of mnist-gru, not of text-rnn"));
    let (code, message) = compare_with(notebooks(json("\"format\": 1", "\"format\": 2")).path());
    assert!(code == Some(1) && message.contains("has format 2, and this program reads format 1"), "{message}");
    // A damaged record: the second line of the message names what is wrong.
    for (from, to, expected) in [
        ("\"threads\": 1", "\"threads\": 0", "threads = 0: expected a whole number from 1 to"),
        ("\"threads\": 1", "\"threads\": 2000000000", "threads = 2000000000: expected a whole number from 1 to"),
        ("\"lr\"", "\"rl\"", "the option lr is missing"),
        ("\"stride\":1", "\"stride\":0", "initial weights/W: the stride is 0"),
        ("f25ad832", "f25ad833", "initial weights/W: its values do not have its SHA-256"),
        ("f25ad832", "?", "initial weights/W: \"?ad5b7f44"),
    ] {
        let (code, message) = compare_with(notebooks(json(from, to)).path());
        let start = "error: the notebook's numbers are damaged: scripts/run-notebooks.sh creates them again: ";
        assert!(code == Some(1) && message.starts_with(&format!("{start}{expected}")), "{message}");
    }
    // A quantity that only one side has is a difference.
    for change in [json("\"name\":\"perplexity\"", "\"name\":\"surprise\""), json("\"logits\"", "\"scores\"")] {
        assert_eq!(compare_with(notebooks(change).path()), (Some(3), "error: 2 of 18 quantities are off".to_owned()));
    }
    let nowhere = tempfile::tempdir().unwrap();
    let (code, message) = compare_with(nowhere.path());
    assert!(
        code == Some(1)
            && message.starts_with("error: FOLDER/expected/text-rnn.json: cannot read the notebook's numbers"),
        "{message}"
    );
}

/// The rows of a comparison with a program that differs from the lesson: `spoil` changes its initial weights, and `eps`
/// is Adam's.
fn table(spoil: impl FnOnce(&TextRnn), eps: f64) -> Vec<Row> {
    let defaults = &LESSON.defaults;
    let comparison = Comparison::recorded(&LESSON, &workspace().join("notebooks-ref"), &tolerances::TEXT_RNN).unwrap();
    tch::set_num_threads(comparison.threads());
    let _guard = seeded(comparison.seed());
    let vocabulary = Vocabulary::new(&SENTENCES);
    let batch = make_batch(&SENTENCES, &vocabulary, Device::Cpu).unwrap();
    let vs = VarStore::new(Device::Cpu);
    let model = TextRnn::new(&vs.root(), 9, defaults.hidden_size, defaults.num_layers).unwrap();
    spoil(&model);
    let parameters = model.named_parameters();
    let mut recording = Recording::default();
    let mut record = |group: &str, name: &str, values: &Tensor| recording.add(group, name, values).unwrap();
    parameters.iter().for_each(|(name, tensor)| record("initial weights", name, tensor));
    let options = AdamOptions { lr: defaults.lr, eps, ..AdamOptions::default() };
    let mut optimizer = Adam::new(parameters.iter().map(|(_, tensor)| tensor), options).unwrap();
    let losses: Vec<f32> = (0..defaults.epochs)
        .map(|_| {
            let output = model.forward(&model.zero_hidden(6).unwrap(), &batch.input).unwrap();
            let loss = cross_entropy(&output, &batch.target, Reduction::Mean).unwrap();
            optimizer.zero_grad().unwrap();
            loss.backward();
            optimizer.step().unwrap();
            f32::try_from(&loss).unwrap()
        })
        .collect();
    record("losses", "epoch", &Tensor::from_slice(&losses));
    parameters.iter().for_each(|(name, tensor)| record("final weights", name, tensor));
    let scores = text_rnn::commands::eval::evaluate(&model, &SENTENCES, &batch, &vocabulary).unwrap();
    scores.tensors().unwrap().iter().for_each(|(group, name, values)| record(group, name, values));
    comparison.rows(&recording)
}

/// The rows that differ from the record.
fn off(rows: &[Row]) -> Vec<String> {
    rows.iter().filter(|row| !row.ok).map(|row| format!("{}/{}", row.group, row.name)).collect()
}

/// Both faults change the results by far more than the tolerances for another CPU. So the same rows differ on every
/// CPU.
#[test]
fn a_fault_is_reported_in_the_recorded_rows_that_it_changes() {
    assert_eq!(off(&table(|_| {}, 1e-8)), [""; 0], "the correct program");

    let spoil = |model: &TextRnn| {
        let (_, w) = &model.named_parameters()[0];
        let _ = tch::no_grad(|| w.get(0).get(0).f_add_scalar_(0.5).unwrap());
    };
    let rows = off(&table(spoil, 1e-8));
    assert_eq!(rows[..2], ["initial weights/W", "losses/epoch"], "the weight, and all results that depend on it");
    assert!(rows.contains(&"final weights/W".to_owned()) && !rows.contains(&"initial weights/b".to_owned()));

    let rows = off(&table(|_| {}, 1e-2));
    assert_eq!(rows[0], "losses/epoch", "the initial weights are correct: {rows:?}");
    assert!(rows.contains(&"scores/perplexity".to_owned()), "{rows:?}");
}

#[test]
#[ignore = "needs Python's torch: scripts/setup.sh --full, then cargo test python -- --ignored"]
fn all_results_equal_pythons_to_the_bit() {
    for args in [["--seed=0", "--threads=1"], ["--seed=0", "--threads=2"], ["--seed=41", "--threads=2"]] {
        let report = compare_live(&BINARY, &args);
        assert_equal_bits(&report, 17);
    }
}

#[test]
#[ignore = "needs Python's torch: scripts/setup.sh --full, then cargo test python -- --ignored"]
fn python_gives_a_trained_model_the_same_scores() {
    let out = tempfile::tempdir().unwrap();
    let out = out.path().to_str().unwrap();
    assert!(text_rnn(&["--quiet", "--epochs", "50", "--out", out]).status.success());
    for name in ["model.pt", "checkpoint.pt"] {
        let checkpoint = format!("--checkpoint={out}/{name}");
        let report = compare_live(&BINARY, &[&checkpoint]);
        assert_equal_bits(&report, 4);
    }
}

#[test]
fn a_checkpoint_of_another_size_than_recorded_is_an_error() {
    let out = tempfile::tempdir().unwrap();
    let out = out.path().to_str().unwrap();
    assert!(text_rnn(&["--quiet", "--epochs", "1", "--hidden-size", "7", "--out", out]).status.success());
    let output = text_rnn(&["compare", "--quiet", "--checkpoint", &format!("{out}/model.pt")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("differs from the notebook's trained weights"), "{}", text(&output.stderr));
}

#[test]
fn eval_prints_the_scores_that_training_printed() {
    let out = tempfile::tempdir().unwrap();
    let out = out.path().to_str().unwrap();
    let trained = text_rnn(&["--quiet", "--threads", "1", "--epochs", "60", "--hidden-size", "7", "--out", out]);
    let (_, scores) = text(&trained.stdout).split_once("\n\n").unwrap();
    for name in ["model.pt", "checkpoint.pt"] {
        let output = text_rnn(&["eval", "--threads", "1", &format!("{out}/{name}")]);
        assert_eq!(text(&output.stdout), scores, "{name}: {}", text(&output.stderr));
    }
    let output = text_rnn(&["eval", "--json", &format!("{out}/best.pt")]);
    assert!(serde_json::from_slice::<Value>(&output.stdout).unwrap()["perplexity"].is_number());

    let output = text_rnn(&["eval", "nowhere.pt"]);
    assert_eq!(
        text(&output.stderr),
        "error: nowhere.pt: there is no such file; cargo run -p text-rnn trains a model\n"
    );
    let output = text_rnn(&["--seed", "3", "compare"]);
    assert_eq!(output.status.code(), Some(2), "an option of training is not ignored");
    let output = text_rnn(&["compare", "--seed", "3"]);
    assert!(output.status.code() == Some(2) && text(&output.stderr).contains("--live"), "{}", text(&output.stderr));
}
