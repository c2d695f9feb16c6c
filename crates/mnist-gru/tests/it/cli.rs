//! The command line: output, files, and usage errors. The digits are noise, so MNIST is not needed.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};
use test_support::lesson::{file_names, json_file, text};

use crate::support::{home, mnist_gru};

/// Trains with the digits in `data` into the run folder `run`.
fn train(home: &Path, options: &str) -> Output {
    mnist_gru(home, &format!("--device cpu --threads 1 --data data --out run {options}"))
}

fn epochs(home: &Path) -> Vec<Value> {
    let metrics = fs::read_to_string(home.join("run/metrics.jsonl")).unwrap();
    metrics.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_run_writes_its_folder_and_prints_the_slides_lines() {
    let home = home(230, 50);
    let run = train(home.path(), "--hidden-size 8");
    let (stdout, stderr) = (text(&run.stdout), text(&run.stderr));
    assert_eq!(run.status.code(), Some(0), "{stderr}");
    assert!(stderr.contains("230 training digits, 50 test digits"), "{stderr}");
    let lines: Vec<_> = stdout.lines().collect();
    assert!(lines[0].starts_with("Epoch: 0000 Loss = 2.") && lines[1].starts_with("Epoch: 0001 Loss = 2."), "{stdout}");
    assert_eq!(lines[2], "OPTIMIZATION FINISHED");
    assert!(lines[4].starts_with("true \\ pred     0     1     2 "), "{stdout}");
    assert!(stdout.contains("\ntest loss = 2.") && stdout.contains("\ntest accuracy = "), "{stdout}");

    let run = home.path().join("run");
    let pictures = ["confusion", "loss", "mistakes"].map(|name| [format!("{name}.png"), format!("{name}.svg")]);
    let records =
        ["best.pt", "checkpoint.pt", "config.json", "metrics.jsonl", "model.pt", "summary.json"].map(str::to_owned);
    let mut expected: Vec<_> = pictures.into_iter().flatten().chain(records).collect();
    expected.sort();
    assert_eq!(file_names(&run), expected);

    let config = json_file(&run.join("config.json"));
    assert_eq!((&config["batch_size"], &config["limit"], &config["data"]), (&json!(100), &json!(null), &json!("data")));
    let summary = json_file(&run.join("summary.json"));
    for key in ["epochs", "final_loss", "seed", "device", "train_seconds", "test_loss", "test_accuracy", "confusion"] {
        assert!(!summary[key].is_null(), "{key}: {summary}");
    }
    check_scores(&summary);
    let svg = fs::read_to_string(run.join("mistakes.svg")).unwrap();
    assert!(svg.contains("mnist-gru: ") && svg.contains(", pred "));
}

/// Checks accuracy, recall and precision of 50 test digits by the confusion matrix.
fn check_scores(summary: &Value) {
    let confusion: Vec<Vec<i64>> = serde_json::from_value(summary["confusion"].clone()).unwrap();
    assert!(confusion.len() == 10 && confusion.iter().all(|row| row.len() == 10));
    assert_eq!(confusion.iter().flatten().sum::<i64>(), 50);
    let right: i64 = (0..10).map(|digit| confusion[digit][digit]).sum();
    assert_eq!(summary["test_accuracy"].as_f64().unwrap(), right as f64 / 50.0);
    assert_eq!(summary.get("predicted"), None);
    for (digit, counts) in confusion.iter().enumerate() {
        let share = |whole: i64| (whole > 0).then(|| counts[digit] as f64 / whole as f64);
        assert_eq!(summary["recall"][digit].as_f64(), share(counts.iter().sum()));
        assert_eq!(summary["precision"][digit].as_f64(), share(confusion.iter().map(|counts| counts[digit]).sum()));
    }
}

#[test]
fn metrics_have_the_losses_of_all_batches_up_to_the_limit() {
    let home = home(230, 50);
    assert_eq!(train(home.path(), "--hidden-size 4 --epochs 1").status.code(), Some(0));
    let whole = epochs(home.path());
    let losses = |epoch: &Value| -> Vec<f32> { serde_json::from_value(epoch["batch_losses"].clone()).unwrap() };
    assert_eq!(losses(&whole[0]).len(), 3, "batches of 100, 100 and 30");

    let run = train(home.path(), "--hidden-size 4 --epochs 2 --limit 2");
    let limited = epochs(home.path());
    assert_eq!(losses(&limited[0]), losses(&whole[0])[..2], "the order does not depend on the limit");
    for (epoch, line) in limited.iter().zip(text(&run.stdout).lines()) {
        let losses = losses(epoch);
        let mean = (losses[0] + losses[1]) / 2.0;
        assert_eq!(epoch["loss"].as_f64().unwrap() as f32, mean);
        assert!(line.ends_with(&format!("Loss = {mean:.6}")), "{line}");
    }

    assert_eq!(train(home.path(), "--hidden-size 4 --epochs 1 --batch-size 1000").status.code(), Some(0));
    assert_eq!(losses(&epochs(home.path())[0]).len(), 1);
}

#[test]
fn json_prints_only_the_summary() {
    let home = home(230, 50);
    let run = train(home.path(), "--json --hidden-size 4 --epochs 1");
    let summary: Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(summary, json_file(&home.path().join("run/summary.json")));
}

#[test]
fn a_dry_run_takes_one_step_and_writes_nothing() {
    let home = home(230, 50);
    let run = train(home.path(), "--dry-run");
    assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
    assert!(text(&run.stdout).contains("test accuracy"));
    assert!(!home.path().join("run").exists());
}

#[test]
fn help_shows_the_notebooks_values() {
    let help = mnist_gru(Path::new("."), "--help");
    assert_eq!(help.status.code(), Some(0));
    let help = text(&help.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    for (option, default) in [
        ("--epochs <N>", "2"),
        ("--lr <X>", "0.01"),
        ("--batch-size <N>", "100"),
        ("--hidden-size <N>", "128"),
        ("--num-layers <N>", "2"),
        ("--data <DIR>", "data/mnist"),
        ("--out <DIR>", "models/mnist-gru"),
    ] {
        let (_, after) = help.split_once(option).unwrap_or_else(|| panic!("{option} is not in:\n{help}"));
        let (_, after) = after.split_once("[default: ").unwrap();
        assert!(after.starts_with(&format!("{default}]")), "{option}: {after}");
    }
    assert!(help.contains("--limit <N>"));
}

#[test]
fn the_help_of_each_command_has_the_default_paths() {
    for (command, file) in [
        ("predict", "models/mnist-gru/model.pt"),
        ("gates", "models/mnist-gru/model.pt"),
        ("eval", "models/mnist-gru/model.pt"),
        ("compare", "models/mnist-gru-compare"),
    ] {
        let help = mnist_gru(Path::new("."), &format!("{command} --help"));
        let help = text(&help.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(help.contains(&format!("[default: {file}]")) && !help.contains("LESSON"), "{help}");
    }
}

#[test]
fn missing_mnist_is_an_error_with_the_download_command() {
    let home = tempfile::tempdir().unwrap();
    let run = train(home.path(), "");
    assert_eq!(run.status.code(), Some(1));
    assert_eq!(
        text(&run.stderr),
        "error: cannot read MNIST (run scripts/fetch-data.sh, which downloads it to data/mnist): \
         data/train-images-idx3-ubyte: neither this file nor its .gz exists\n"
    );
    assert!(!home.path().join("run").exists());
}

#[test]
fn a_usage_error_exits_with_2() {
    let home = home(230, 50);
    for wrong in ["--batch-size 0", "--limit 0", "--limit -3", "--epochs two", "--hidden-size 0"] {
        let run = train(home.path(), wrong);
        assert_eq!(run.status.code(), Some(2), "{wrong}");
    }
}

#[test]
fn an_infinite_loss_stops_the_run_with_advice() {
    let home = home(230, 50);
    let run = train(home.path(), "--hidden-size 4 --lr 1e37");
    assert_eq!(run.status.code(), Some(1), "{}", text(&run.stdout));
    assert!(text(&run.stderr).contains("try a smaller --lr"), "{}", text(&run.stderr));
}
