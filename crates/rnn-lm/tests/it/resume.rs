//! `--resume` after Ctrl-C: the same bits as an uninterrupted run.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use test_support::lesson::text;

use crate::BINARY;
use crate::support::{english, home, train};

fn command(home: &Path, options: &str) -> Command {
    let mut command = Command::new(&*BINARY);
    let always =
        "--device cpu --threads 1 --corpus corpus.txt --out run --quiet --epochs 12 --chars --cell gru --lr 0.02";
    command.args(always.split_whitespace()).args(options.split_whitespace());
    command.current_dir(home).stdout(Stdio::null());
    command
}

fn outcome(home: &Path) -> [Vec<u8>; 4] {
    ["metrics.jsonl", "model.pt", "best.pt", "vocabulary.json"]
        .map(|name| fs::read(home.join("run").join(name)).unwrap())
}

#[test]
fn an_interrupted_run_resumes_to_the_same_bits() {
    let home = home(english());
    let home = home.path();
    assert!(command(home, "--hidden-size 24").status().unwrap().success());
    let reference = outcome(home);
    fs::remove_dir_all(home.join("run")).unwrap();

    let mut child = command(home, "--hidden-size 24").spawn().unwrap();
    while !home.join("run/checkpoint.pt").exists() {
        std::thread::sleep(Duration::from_millis(2));
    }
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(!home.join("run/summary.json").exists());
    // Options that are left out have the values of the interrupted run, including `--chars`.
    let arguments = "--resume --out run --quiet --device cpu --threads 1";
    let resumed = Command::new(&*BINARY).args(arguments.split(' ')).current_dir(home).output().unwrap();
    assert_eq!(resumed.status.code(), Some(0), "{}", text(&resumed.stderr));
    assert!(outcome(home) == reference, "the bits differ from those of an uninterrupted run");
}

#[test]
fn resume_rejects_another_corpus_and_different_options() {
    let home = home(english());
    assert_eq!(train(home.path(), "--epochs 1").status.code(), Some(0));
    for (option, name) in
        [("--cell rnn", "cell"), ("--bptt 7", "bptt"), ("--clip 3", "clip"), ("--dropout 0", "dropout")]
    {
        let output = train(home.path(), &format!("--resume --epochs 2 {option}"));
        let message = text(&output.stderr);
        assert!(output.status.code() == Some(2) && message.contains(&format!("has {name} = ")), "{message}");
    }
    fs::write(home.path().join("corpus.txt"), english() + " and more").unwrap();
    let output = train(home.path(), "--resume --epochs 2");
    assert!(text(&output.stderr).contains("has corpus_tokens = "), "{}", text(&output.stderr));
}
