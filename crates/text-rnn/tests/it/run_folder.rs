//! For every command, `--out DIR` is a run folder and FILE is a model.

use std::fs;

use test_support::lesson::text;

use crate::support::{text_rnn, trained};

/// Exit code, stdout, stderr.
fn run(args: &[&str]) -> (Option<i32>, String, String) {
    let output = text_rnn(args);
    (output.status.code(), text(&output.stdout).to_owned(), text(&output.stderr).to_owned())
}

#[test]
fn every_command_accepts_a_run_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (model, out) = (trained(folder.path()), folder.path().to_str().unwrap());
    for command in [["predict", "i like"].as_slice(), &["eval"]] {
        let by_folder = run(&[command, &["--out", out]].concat());
        let by_file = run(&[command, &["--model", &model]].concat());
        assert_eq!(by_folder, by_file, "{command:?}");
        assert!(by_folder.0 == Some(0) && by_folder.2.is_empty(), "{by_folder:?}");
    }
    assert_eq!(run(&["eval", &model]), run(&["eval", "--model", &model]));
    let (code, stdout, stderr) = run(&["gates", "i like", "-o", out]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    assert_eq!(stdout, format!("{out}/gates.png and {out}/gates.svg\n"));
}

#[test]
fn a_run_folder_can_have_safetensors() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    assert_eq!(run(&["-q", "--epochs", "3", "--format", "safetensors", "--no-plots", "--out", out]).0, Some(0));
    assert!(!folder.path().join("model.pt").exists());
    assert_eq!(run(&["eval", "--out", out]), run(&["eval", &format!("{out}/model.safetensors")]));
}

#[test]
fn a_file_as_folder_and_a_folder_as_file_are_errors_with_advice() {
    let folder = tempfile::tempdir().unwrap();
    let (model, out) = (trained(folder.path()), folder.path().to_str().unwrap());
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let (empty, nowhere) = (empty.to_str().unwrap(), format!("{out}/nowhere"));
    let is_folder = format!("{out}: this is a folder, but FILE must be a model; --out {out} reads the model in it");
    let is_file =
        format!("--out {model}: this is a file, but --out must be a run folder; --model {model} reads that model");
    let train = "cargo run -p text-rnn -- --out";
    for (args, message) in [
        (["eval", out].as_slice(), &is_folder),
        (&["eval", "--model", out], &is_folder),
        (&["predict", "i like", "--model", out], &is_folder),
        (&["gates", "i like", "--model", out], &is_folder),
        (&["eval", "--out", &model], &is_file),
        (&["predict", "i like", "--out", &model], &is_file),
        (&["gates", "i like", "--out", &model], &is_file),
        (
            &["compare", "--model", out],
            &format!("--checkpoint {out}: this is a folder; --checkpoint {out}/model.pt reads the model in it"),
        ),
        (&["--out", &model], &format!("--out {model}: this is a file; name a folder")),
        (
            &["predict", "i like", "--out", empty],
            &format!("--out {empty}: there is no model in this folder; {train} {empty} trains one"),
        ),
        (
            &["eval", "--out", &nowhere],
            &format!("--out {nowhere}: there is no such folder; {train} {nowhere} trains a model there"),
        ),
    ] {
        assert_eq!(run(args), (Some(1), String::new(), format!("error: {message}\n")), "{args:?}");
    }
    // A killed run leaves a checkpoint and no model.
    fs::rename(folder.path().join("checkpoint.pt"), format!("{empty}/checkpoint.pt")).unwrap();
    let (_, _, stderr) = run(&["eval", "--out", empty]);
    let advice = format!("without a model.pt; --model {empty}/checkpoint.pt reads its last checkpoint\n");
    assert!(stderr.ends_with(&advice), "{stderr}");
    assert_eq!(run(&["eval", "--model", &format!("{empty}/checkpoint.pt")]).0, Some(0));
}

#[test]
fn an_option_in_the_wrong_place_is_a_usage_error_with_a_tip() {
    for (args, tip) in [
        (["doctor", "--out", "x"].as_slice(), "--out is an option of training, eval, compare, predict and gates"),
        (&["--model", "x"], "--model is an option of eval, compare, predict and gates"),
        (&["--out", "x", "predict", "i like"], "the options of a command come after it: text-rnn predict --out <DIR>"),
    ] {
        let (code, _, stderr) = run(args);
        assert!(code == Some(2) && stderr.contains(&format!("tip: {tip}\n")), "{stderr}");
    }
    assert_eq!(run(&["eval", "x.pt", "--out", "x"]).0, Some(2), "two models");
}

#[test]
fn a_diverged_run_prints_a_short_perplexity() {
    let folder = tempfile::tempdir().unwrap();
    let (code, stdout, stderr) =
        run(&["-q", "--lr", "100", "--threads", "1", "--out", folder.path().to_str().unwrap()]);
    assert_eq!(code, Some(0), "{stderr}");
    let (_, perplexity) = stdout.trim_end().rsplit_once("perplexity = ").unwrap();
    assert!(perplexity.len() < 12 && perplexity.parse::<f64>().unwrap() > 1e6, "{perplexity}");
}
