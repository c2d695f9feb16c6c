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
    fs::write(home.path().join("corpus.txt"), english().replacen("whale", "sailor", 1)).unwrap();
    let output = train(home.path(), "--resume --epochs 2");
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("the training data has changed since"), "{}", text(&output.stderr));
    assert_eq!(train(home.path(), "--resume --allow-changed-data --epochs 2").status.code(), Some(0));
}

/// The state after a batch is the first state of the next one, so a checkpoint within an epoch has it.
#[test]
fn a_run_that_is_interrupted_within_an_epoch_resumes_to_the_same_bits() {
    let home = home(english());
    let home = home.path();
    for cell in ["gru", "lstm"] {
        let options = format!("--hidden-size 24 --bptt 3 --batch-size 4 --cell {cell}");
        let command = |options: &str| {
            let mut command = Command::new(&*BINARY);
            let always =
                "--device cpu --threads 1 --corpus corpus.txt --out run --no-progress --epochs 3 --chars --lr 0.02";
            command.args(always.split_whitespace()).args(options.split_whitespace());
            command.current_dir(home).stdout(Stdio::null()).stderr(Stdio::piped());
            command
        };
        assert!(command(&options).status().unwrap().success());
        let reference = outcome(home);
        fs::remove_dir_all(home.join("run")).unwrap();

        let (mut within, mut options) = (0, options.as_str());
        for pause in (0..).map(|n| Duration::from_millis(300 + 30 * n)) {
            let child = command(options).spawn().unwrap();
            std::thread::sleep(pause);
            Command::new("kill").args(["-INT", &child.id().to_string()]).stderr(Stdio::null()).status().unwrap();
            let output = child.wait_with_output().unwrap();
            if home.join("run/summary.json").exists() {
                break;
            }
            let (code, stderr) = (output.status.code(), text(&output.stderr));
            assert!(matches!(code, Some(130) | None), "{stderr}"); // `None` if the handlers were not installed yet
            within += usize::from(stderr.contains(" batches; "));
            if home.join("run/checkpoint.pt").exists() {
                assert!(home.join("run/vocabulary.json").exists(), "a model needs its vocabulary");
                options = "--resume";
            }
        }
        assert!(within > 0, "no run was interrupted within an epoch");
        assert!(outcome(home) == reference, "{cell}: the bits differ from those of an uninterrupted run");
    }
}
