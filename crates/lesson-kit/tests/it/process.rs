//! The output, the files and the exit codes of a whole program (`examples/toy.rs`).

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::toy::Toy;

#[test]
fn a_run_writes_its_folder_and_prints_losses() {
    let toy = Toy::new();
    let (code, stdout, stderr) = toy.run("--device cpu --seed 3 --threads 1");
    assert_eq!((code, stdout.lines().count()), (0, 2), "{stderr}");
    assert!(stdout.starts_with("Epoch: 0010 cost = "));
    assert!(stderr.starts_with("device: cpu\nepoch 1/20  loss "), "{stderr}");
    assert!(stderr.contains("\nepoch 20/20  loss ") && stderr.contains("wrote models/toy"), "{stderr}");
    let files = [
        "best.pt",
        "checkpoint.pt",
        "config.json",
        "loss.png",
        "loss.svg",
        "metrics.jsonl",
        "model.pt",
        "summary.json",
    ];
    assert_eq!(toy.files(), files);

    let config = toy.json("config.json");
    assert_eq!((&config["epochs"], &config["lr"], &config["seed"]), (&json!(20), &json!(0.01), &json!(3)));
    assert_eq!((&config["threads"], &config["device"]), (&json!(1), &json!("cpu")));
    assert_eq!(
        (&config["lesson"], &config["versions"]["torch"]),
        (&json!("toy"), &json!(torch_ext::libtorch::REQUIRED))
    );
    let (summary, losses) = (toy.json("summary.json"), toy.losses());
    assert_eq!((&summary["epochs"], &summary["seed"], &summary["device"]), (&json!(20), &json!(3), &json!("cpu")));
    assert_eq!(summary["final_loss"].as_f64().unwrap() as f32, losses[19]);
    assert!(summary["train_seconds"].as_f64().unwrap() < 60.0);
    assert_eq!(losses.len(), 20);
}

#[test]
fn a_rerun_replaces_the_files_of_a_finished_run_and_keeps_others() {
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
fn an_unfinished_run_is_only_replaced_with_overwrite() {
    let toy = Toy::new();
    assert_eq!(toy.run("-q").0, 0);
    fs::remove_file(toy.file("summary.json")).unwrap();
    let (code, stdout, stderr) = toy.run("");
    assert_eq!((code, stdout.as_str()), (1, ""));
    let expected = "error: models/toy holds an unfinished run (20 epochs recorded): --resume continues it, \
                    --overwrite replaces it, --out DIR writes to another folder\n";
    assert_eq!(stderr, expected);
    assert_eq!(toy.run("-q -e 3 --out elsewhere").0, 0);
    assert_eq!(toy.losses().len(), 20);
    assert_eq!(toy.run("-q -e 3 --overwrite").0, 0);
    assert_eq!(toy.losses().len(), 3);
}

#[test]
fn an_unusable_run_folder_is_an_error_before_training() {
    let toy = Toy::new();
    fs::write(toy.home.path().join("file"), "").unwrap();
    assert_eq!(toy.run("--out file"), (1, String::new(), "error: --out file: this is a file; name a folder\n".into()));
    let (code, stdout, stderr) = toy.run("--out file/below");
    assert_eq!((code, stdout.as_str()), (1, ""));
    assert!(stderr.starts_with("error: --out file/below: cannot create this folder: "), "{stderr}");
}

#[test]
fn json_prints_only_the_summary_to_stdout() {
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
fn an_infinite_loss_stops_the_run_and_keeps_the_last_good_model() {
    let toy = Toy::new();
    let (code, _, stderr) = toy.run("--lr 1e9 --device cpu --no-progress");
    assert_eq!(code, 1);
    let expected = "device: cpu\nerror: the loss is inf in epoch 4; try a smaller --lr than 1000000000\n\
                    models/toy/model.pt holds the parameters of epoch 2, the last good ones\n";
    assert_eq!(stderr, expected);
    assert_eq!(toy.losses().len(), 3);
    assert_eq!(toy.files(), ["checkpoint.pt", "config.json", "metrics.jsonl", "model.pt"]);
}

#[test]
fn a_failure_before_the_first_epoch_keeps_the_old_run() {
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
fn a_usage_error_exits_with_2_and_help_with_0() {
    let toy = Toy::new();
    let (code, stdout, stderr) = toy.run("--epochs 0");
    assert_eq!((code, stdout.as_str()), (2, ""));
    assert!(stderr.contains("invalid value '0' for '--epochs <N>'"));
    let (code, stdout, stderr) = toy.run("--help");
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(stdout.starts_with("Fit a straight line"));
}

#[test]
fn a_closed_pipe_is_not_an_error() {
    let toy = Toy::new();
    let mut child = toy.command("-e 200 -q").stdout(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap(); // drops the reader: the pipe is closed
    assert!(first.starts_with("Epoch: 0010"));
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(toy.losses().len(), 200);
}

/// Writing to this file fails as on a full disk.
#[cfg(target_os = "linux")]
fn full_disk() -> fs::File {
    fs::OpenOptions::new().write(true).open("/dev/full").unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn a_message_that_cannot_be_written_does_not_end_a_run() {
    let toy = Toy::new();
    let code = |arguments: &str| toy.command(arguments).stderr(full_disk()).status().unwrap().code();
    assert_eq!((code("-e 3 --out full"), code("-e 0"), code("--fail --out full")), (Some(0), Some(2), Some(1)));
    let mut child = toy.command("-e 3").stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take()); // a closed pipe
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(toy.losses().len(), 3);
}

#[cfg(target_os = "linux")]
#[test]
fn a_run_whose_stdout_cannot_be_written_is_complete_and_exits_with_1() {
    let toy = Toy::new();
    let run = |arguments: &str| {
        let output = toy.command(arguments).stdout(full_disk()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    for arguments in ["-q", "-q --json"] {
        let (code, stderr) = run(arguments);
        let expected = "error: cannot write to stdout: No space left on device (os error 28); the run in models/toy is complete: \
                        eval prints its results\n";
        assert_eq!((code, stderr.as_str()), (Some(1), expected));
        assert_eq!((toy.losses().len(), toy.json("summary.json")["epochs"].as_u64()), (20, Some(20)));
        assert!(toy.file("model.pt").exists() && toy.file("checkpoint.pt").exists());
    }
    let (code, stderr) = run("--no-progress -e 50");
    assert_eq!((code, stderr.matches("cannot write to stdout").count()), (Some(1), 2), "{stderr}");
    assert!(stderr.contains("the run continues without printing its results\ntrained in "), "{stderr}");
}

#[cfg(target_os = "linux")]
#[test]
fn control_characters_in_a_checkpoint_are_escaped_in_messages() {
    let toy = Toy::new();
    fs::create_dir_all(toy.file("")).unwrap();
    let evil = pt_file::Value::dict([("lesson", "x\u{1b}[2J\nerror: forged\u{202e}")]);
    pt_file::save_file(toy.file("checkpoint.pt"), &evil).unwrap();
    let (code, _, stderr) = toy.run("--resume");
    let expected =
        "error: models/toy/checkpoint.pt is a checkpoint of x\\u001b[2J\\nerror: forged\\u202e, not of toy\n";
    assert_eq!((code, stderr.as_str()), (1, expected));
    assert_eq!(toy.run("-q -e 3 --overwrite").0, 0);
    let checkpoint = pt_file::load_file(toy.file("checkpoint.pt")).unwrap();
    let with_option = |key: &str, value: pt_file::Value| {
        let entry = |(name, value): (&pt_file::Key, &pt_file::Value)| (name.clone(), value.clone());
        let mut config: Vec<_> = checkpoint.get("config").unwrap().as_dict().unwrap().iter().map(entry).collect();
        config.retain(|(name, _)| name.as_str() != Some(key));
        config.push((key.into(), value));
        let mut entries: Vec<_> = checkpoint.as_dict().unwrap().iter().map(entry).collect();
        entries.retain(|(name, _)| name.as_str() != Some("config"));
        entries.push(("config".into(), pt_file::Value::dict(config)));
        pt_file::save_file(toy.file("checkpoint.pt"), &pt_file::Value::dict(entries)).unwrap();
        let (code, _, stderr) = toy.run("--resume -e 5 --no-progress");
        assert_eq!((code, stderr.lines().count()), (2, 1), "{stderr}");
        stderr
    };
    let stderr = with_option("backend", "x\n\u{1b}[2J\u{202e}".into());
    assert!(stderr.contains("models/toy/checkpoint.pt: ") && stderr.contains("x\\n\\u001b[2J\\u202e"), "{stderr}");
    for threads in [100_000, i64::from(i32::MAX), i64::MAX, 0] {
        let stderr = with_option("threads", threads.into());
        let expected =
            format!("threads = {threads} is not a valid number of threads: expected a whole number from 1 to ");
        assert!(stderr.contains(&expected), "{stderr}");
    }
    let stderr = with_option("hidden_size", 0.into());
    assert!(stderr.contains("hidden_size = 0: expected a whole number from 1 to "), "{stderr}");
    let (_, _, stderr) = toy.run("--out a\u{9b}\u{1b}[2J/b --resume");
    assert!(stderr.contains("a\\u009b\\u001b[2J/b"), "{stderr}");
}

#[cfg(unix)]
mod signals {
    use super::*;
    use crate::toy::interrupt;

    fn has_model_and_plot(path: &Path) -> bool {
        ["model.pt", "loss.png", "loss.svg"].iter().all(|name| path.join(name).exists())
    }

    #[test]
    fn the_first_signal_saves_the_run_and_exits_with_130() {
        for name in ["-INT", "-TERM"] {
            let toy = Toy::new();
            let (code, stderr) = interrupt(&toy, "-e 100000 --sleep 5", &[name]);
            assert_eq!(code, Some(130), "{stderr}");
            let last = stderr.lines().last().unwrap();
            let epochs = toy.losses().len();
            let expected =
                format!("interrupted: after epoch {epochs} of 100000; models/toy is saved, and --resume continues it");
            assert_eq!(last, expected);
            assert!(has_model_and_plot(&toy.file("")) && !toy.file("summary.json").exists());
            assert_eq!(toy.run("").0, 1, "the run is unfinished");
        }
    }

    #[test]
    fn the_second_signal_exits_immediately() {
        let toy = Toy::new();
        let (code, stderr) = interrupt(&toy, "-e 100000 --sleep 60000", &["-INT", "-TERM"]);
        assert_eq!(code, Some(130), "{stderr}");
        assert!(!toy.file("model.pt").exists());
    }
}

#[test]
fn no_plots_writes_no_pictures() {
    let toy = Toy::new();
    let (code, _, stderr) = toy.run("--epochs 3 --no-plots");
    assert_eq!(code, 0, "{stderr}");
    let pictures = toy.files().into_iter().filter(|name| name.ends_with(".png") || name.ends_with(".svg"));
    assert_eq!(pictures.count(), 0);
    assert!(toy.files().contains(&"model.pt".to_owned()));
}
