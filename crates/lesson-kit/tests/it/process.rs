//! A whole program (examples/toy.rs) as a process: what it prints, writes and returns.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

/// The example, in a folder of its own.
struct Toy {
    home: tempfile::TempDir,
}

impl Toy {
    fn new() -> Toy {
        Toy { home: tempfile::tempdir().unwrap() }
    }

    fn command(&self, arguments: &str) -> Command {
        // cargo test builds the examples beside the folder of the test binaries
        let program = std::env::current_exe().unwrap().ancestors().nth(2).unwrap().join("examples/toy");
        assert!(program.exists(), "{} is missing: cargo test without --test builds it", program.display());
        let mut command = Command::new(program);
        command.args(arguments.split_whitespace()).current_dir(self.home.path());
        command.env_remove("LD_LIBRARY_PATH").env_remove("RUST_BACKTRACE");
        command
    }

    /// Runs to the end: exit code, stdout, stderr.
    fn run(&self, arguments: &str) -> (i32, String, String) {
        let Output { status, stdout, stderr } = self.command(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (status.code().unwrap_or(-1), text(stdout), text(stderr))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.home.path().join("models/toy").join(name)
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&fs::read(self.file(name)).unwrap()).unwrap()
    }

    fn files(&self) -> Vec<String> {
        let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        let mut names: Vec<String> = fs::read_dir(self.file("")).unwrap().map(name).collect();
        names.sort();
        names
    }

    fn losses(&self) -> Vec<f32> {
        let text = fs::read_to_string(self.file("metrics.jsonl")).unwrap();
        let loss = |line: &str| serde_json::from_str::<Value>(line).unwrap()["loss"].as_f64().unwrap() as f32;
        text.lines().map(loss).collect()
    }
}

#[test]
fn a_run_leaves_its_folder() {
    let toy = Toy::new();
    let (code, stdout, stderr) = toy.run("--device cpu --seed 3 --threads 1");
    assert_eq!((code, stdout.lines().count()), (0, 2), "{stderr}");
    assert!(stdout.starts_with("Epoch: 0010 cost = "));
    assert!(stderr.starts_with("device: cpu\nepoch 1/20  loss "), "{stderr}");
    assert!(stderr.contains("\nepoch 20/20  loss ") && stderr.contains("wrote models/toy"), "{stderr}");
    let files = ["config.json", "loss.png", "loss.svg", "metrics.jsonl", "model.pt", "summary.json"];
    assert_eq!(toy.files(), files);

    let config = toy.json("config.json");
    assert_eq!((&config["epochs"], &config["lr"], &config["seed"]), (&json!(20), &json!(0.01), &json!(3)));
    assert_eq!((&config["threads"], &config["device"]), (&json!(1), &json!("cpu")));
    assert_eq!((&config["lesson"], &config["versions"]["torch"]), (&json!("toy"), &json!("2.13.0")));
    let (summary, losses) = (toy.json("summary.json"), toy.losses());
    assert_eq!((&summary["epochs"], &summary["seed"], &summary["device"]), (&json!(20), &json!(3), &json!("cpu")));
    assert_eq!(summary["final_loss"].as_f64().unwrap() as f32, losses[19]);
    assert!(summary["train_seconds"].as_f64().unwrap() < 60.0);
    assert_eq!(losses.len(), 20);
}

#[test]
fn a_rerun_replaces_a_finished_run_and_only_its_files() {
    let toy = Toy::new();
    assert_eq!(toy.run("-q").0, 0);
    let first = toy.losses();
    fs::write(toy.file("notes.txt"), "mine").unwrap();
    fs::write(toy.file(".model.pt.x1.partial"), "left by a killed process").unwrap();
    let (code, _, stderr) = toy.run("-e 5 --device cpu --no-progress");
    assert_eq!(code, 0);
    assert!(stderr.starts_with("device: cpu\nreplacing the finished run in models/toy\ntrained in "), "{stderr}");
    assert_eq!(toy.losses(), first[..5], "the same seed, the same losses");
    assert_eq!(fs::read_to_string(toy.file("notes.txt")).unwrap(), "mine");
    assert!(!toy.file(".model.pt.x1.partial").exists());
}

#[test]
fn an_unfinished_run_is_not_lost_in_silence() {
    let toy = Toy::new();
    assert_eq!(toy.run("-q").0, 0);
    fs::remove_file(toy.file("summary.json")).unwrap();
    let (code, stdout, stderr) = toy.run("");
    assert_eq!((code, stdout.as_str()), (1, ""));
    let expected = "error: models/toy holds an unfinished run (20 epochs recorded): --overwrite replaces it, --out DIR \
                    writes elsewhere\n";
    assert_eq!(stderr, expected);
    assert_eq!(toy.run("-q -e 3 --out elsewhere").0, 0);
    assert_eq!(toy.losses().len(), 20);
    assert_eq!(toy.run("-q -e 3 --overwrite").0, 0);
    assert_eq!(toy.losses().len(), 3);
}

#[test]
fn a_folder_that_cannot_be_used_is_an_error_before_training() {
    let toy = Toy::new();
    fs::write(toy.home.path().join("file"), "").unwrap();
    assert_eq!(toy.run("--out file"), (1, String::new(), "error: --out file: this is a file; name a folder\n".into()));
    let (code, stdout, stderr) = toy.run("--out file/below");
    assert_eq!((code, stdout.as_str()), (1, ""));
    assert!(stderr.starts_with("error: --out file/below: cannot make this folder: "), "{stderr}");
}

#[test]
fn json_is_all_that_stdout_gets() {
    let toy = Toy::new();
    let (code, stdout, stderr) = toy.run("--json -q");
    assert_eq!((code, stderr.as_str(), stdout.lines().count()), (0, "", 1));
    assert_eq!(serde_json::from_str::<Value>(&stdout).unwrap(), toy.json("summary.json"));
}

#[test]
fn a_dry_run_takes_one_step_and_writes_nothing() {
    let toy = Toy::new();
    let (code, stdout, stderr) = toy.run("--dry-run --device cpu --json");
    assert_eq!(code, 0);
    assert_eq!(serde_json::from_str::<Value>(&stdout).unwrap()["epochs"], 1);
    let mut lines = stderr.lines();
    assert_eq!(lines.next(), Some("device: cpu"));
    assert_eq!(lines.next(), Some("dry run: one step of everything, nothing is written"));
    assert!(lines.next().unwrap().starts_with("epoch 1/1  loss "));
    assert_eq!(fs::read_dir(toy.home.path()).unwrap().count(), 0);
}

#[test]
fn a_loss_that_is_not_finite_stops_the_run_and_keeps_the_last_good_model() {
    let toy = Toy::new();
    let (code, _, stderr) = toy.run("--lr 1e9 --device cpu --no-progress");
    assert_eq!(code, 1);
    let expected = "device: cpu\nerror: the loss is inf in epoch 4; try a smaller --lr than 1000000000\n\
                    models/toy/model.pt holds the parameters as they were when epoch 2 was recorded, still good\n";
    assert_eq!(stderr, expected);
    assert_eq!(toy.losses().len(), 3);
    assert_eq!(toy.files(), ["config.json", "metrics.jsonl", "model.pt"]);
}

#[test]
fn a_failure_before_the_first_epoch_leaves_the_old_run_alone() {
    let toy = Toy::new();
    assert_eq!(toy.run("-q").0, 0);
    let (code, _, stderr) = toy.run("--fail -q");
    assert_eq!(code, 1);
    assert!(stderr.starts_with("error: mat1 and mat2 shapes cannot be multiplied (5x1 and 2x1)"), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert_eq!(toy.losses().len(), 20);
    assert!(toy.file("summary.json").exists());
}

#[test]
fn a_wrong_command_line_is_exit_code_2_and_help_0() {
    let toy = Toy::new();
    let (code, stdout, stderr) = toy.run("--epochs 0");
    assert_eq!((code, stdout.as_str()), (2, ""));
    assert!(stderr.contains("invalid value '0' for '--epochs <N>'"));
    let (code, stdout, stderr) = toy.run("--help");
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(stdout.starts_with("Fit a straight line"));
}

#[test]
fn a_closed_pipe_is_no_error() {
    let toy = Toy::new();
    let mut child = toy.command("-e 200 -q").stdout(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap(); // and closes the pipe
    assert!(first.starts_with("Epoch: 0010"));
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(toy.losses().len(), 200);
}

#[cfg(unix)]
mod signals {
    use super::*;

    fn signal(name: &str, process: u32) {
        assert!(Command::new("kill").args([name, &process.to_string()]).status().unwrap().success());
    }

    /// Starts a run that lasts, sends it `names` once it has trained for an epoch, and waits for its end.
    fn interrupt(toy: &Toy, arguments: &str, names: &[&str]) -> (Option<i32>, String) {
        let mut child = toy.command(arguments).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut text = String::new();
        while !text.contains("epoch 1/") {
            assert!(stderr.read_line(&mut text).unwrap() > 0, "ended early: {text}");
        }
        for name in names {
            signal(name, child.id());
        }
        std::io::Read::read_to_string(&mut stderr, &mut text).unwrap();
        (child.wait().unwrap().code(), text)
    }

    fn names_files(path: &Path) -> bool {
        ["model.pt", "loss.png", "loss.svg"].iter().all(|name| path.join(name).exists())
    }

    #[test]
    fn the_first_signal_saves() {
        for name in ["-INT", "-TERM"] {
            let toy = Toy::new();
            let (code, stderr) = interrupt(&toy, "-e 100000 --sleep 5", &[name]);
            assert_eq!(code, Some(130), "{stderr}");
            let last = stderr.lines().last().unwrap();
            let epochs = toy.losses().len();
            let expected = format!(
                "interrupted: after epoch {epochs} of 100000; models/toy keeps model.pt, metrics.jsonl and the loss plot"
            );
            assert_eq!(last, expected);
            assert!(names_files(&toy.file("")) && !toy.file("summary.json").exists());
            assert_eq!(toy.run("").0, 1, "it counts as unfinished");
        }
    }

    #[test]
    fn the_second_signal_ends_at_once() {
        let toy = Toy::new();
        let (code, stderr) = interrupt(&toy, "-e 100000 --sleep 60000", &["-INT", "-TERM"]);
        assert_eq!(code, Some(130), "{stderr}");
        assert!(!toy.file("model.pt").exists());
    }
}
