//! The command line: output, files, and usage errors.

use std::fs;
use std::path::Path;

use serde_json::Value;
use test_support::lesson::{file_names, json_file, text};

use crate::support::{english, home, rnn_lm, train};

#[test]
fn a_run_writes_its_folder_and_its_summary_has_the_best_epoch() {
    let home = home(english());
    let output = train(home.path(), "--epochs 4 --lr 0.02 --lr-decay 0.5");
    let stdout = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(stdout.starts_with("Epoch: 0001 perplexity = "), "{stdout}");
    assert!(stdout.contains("OPTIMIZATION FINISHED\n\nvocabulary = "), "{stdout}");

    let run = home.path().join("run");
    let expected =
        "best.pt checkpoint.pt config.json loss.png loss.svg metrics.jsonl model.pt summary.json vocabulary.json";
    assert_eq!(file_names(&run).join(" "), expected);
    let config = json_file(&run.join("config.json"));
    for key in ["cell", "dropout", "clip", "lr_decay", "bptt", "min_count", "chars", "corpus", "batch_size"] {
        assert!(!config[key].is_null(), "{key}: {config}");
    }

    let metrics = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let epochs: Vec<Value> = metrics.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let number = |value: &Value| value.as_f64().unwrap();
    assert_eq!(epochs.iter().map(|epoch| number(&epoch["lr"])).collect::<Vec<_>>(), [0.02, 0.01, 0.005, 0.0025]);
    for epoch in &epochs {
        assert!((number(&epoch["loss"]).exp() / number(&epoch["train_perplexity"]) - 1.0).abs() < 1e-6);
    }
    assert!(number(&epochs[3]["train_perplexity"]) < 0.7 * number(&epochs[0]["train_perplexity"]), "{metrics}");

    let summary = json_file(&run.join("summary.json"));
    let best = epochs.iter().map(|epoch| number(&epoch["valid_perplexity"])).fold(f64::INFINITY, f64::min);
    assert_eq!(number(&summary["valid_perplexity"]), best);
    assert!(summary["vocab"].is_u64() && number(&summary["test_perplexity"]) > 1.0);
}

/// The validation part has other statistics than the training part, so the validation perplexity rises during training.
#[test]
fn the_best_epoch_has_the_lowest_validation_perplexity() {
    let mut text_of_two = "a b ".repeat(1600);
    text_of_two += &"a a b b ".repeat(200);
    let home = home(text_of_two);
    assert_eq!(train(home.path(), "--epochs 3 --lr 0.05").status.code(), Some(0));
    let metrics = fs::read_to_string(home.path().join("run/metrics.jsonl")).unwrap();
    let epochs: Vec<Value> = metrics.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [valid, test] = ["valid_perplexity", "test_perplexity"]
        .map(|key| epochs.iter().map(|epoch| epoch[key].as_f64().unwrap()).collect::<Vec<_>>());
    assert!(valid[0] < valid[2], "{valid:?}");
    let summary = json_file(&home.path().join("run/summary.json"));
    let best = valid.iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!(summary["valid_perplexity"].as_f64().unwrap(), best, "{valid:?}");
    let of_best = valid.iter().position(|&perplexity| perplexity == best).unwrap();
    assert_eq!(summary["test_perplexity"].as_f64().unwrap(), test[of_best], "{test:?}");
}

#[test]
fn json_prints_only_the_summary_and_a_dry_run_writes_nothing() {
    let home = home(english());
    let output = train(home.path(), "--json --epochs 1 --limit 2");
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary, json_file(&home.path().join("run/summary.json")));
    let metrics = fs::read_to_string(home.path().join("run/metrics.jsonl")).unwrap();
    let epoch: Value = serde_json::from_str(metrics.trim()).unwrap();
    assert_eq!(epoch["batch_losses"].as_array().unwrap().len(), 2);

    fs::remove_dir_all(home.path().join("run")).unwrap();
    assert_eq!(train(home.path(), "--dry-run").status.code(), Some(0));
    assert!(!home.path().join("run").exists());
}

#[test]
fn a_usage_error_exits_with_2_and_an_infinite_loss_stops_the_run_with_advice() {
    let home = home(english());
    for wrong in
        ["--cell cnn", "--dropout 1", "--dropout -0.1", "--clip 0", "--bptt 0", "--min-count 0", "--lr-decay 0"]
    {
        assert_eq!(train(home.path(), wrong).status.code(), Some(2), "{wrong}");
    }
    assert_eq!(rnn_lm(home.path(), "compare|--corpus|corpus.txt").status.code(), Some(2));
    let output = train(home.path(), "--lr 1e37");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
    assert!(text(&output.stderr).contains("try a smaller --lr"), "{}", text(&output.stderr));
}

#[test]
fn help_shows_the_notebooks_values() {
    let help = rnn_lm(Path::new("."), "--help");
    let help = text(&help.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    for (option, default) in [
        ("--epochs <N>", "5"),
        ("--lr <X>", "0.006"),
        ("--batch-size <N>", "20"),
        ("--hidden-size <N>", "128"),
        ("--num-layers <N>", "1"),
        ("--cell <CELL>", "lstm"),
        ("--dropout <P>", "0.2"),
        ("--clip <NORM>", "0.25"),
        ("--lr-decay <X>", "0.7"),
        ("--bptt <N>", "35"),
        ("--min-count <N>", "5"),
    ] {
        let (_, after) = help.split_once(option).unwrap_or_else(|| panic!("{option} is not in:\n{help}"));
        let (_, after) = after.split_once("[default: ").unwrap();
        assert!(after.starts_with(&format!("{default}]")), "{option}: {after}");
    }
}

#[test]
fn explain_prints_equations_parameters_and_shapes_and_trains_nothing() {
    let home = home(english());
    for (cell, equation) in [("rnn", "h_t = tanh("), ("lstm", "c_t = f_t * c_{t-1} + i_t * g_t"), ("gru", "z_t = σ(")]
    {
        let output = train(home.path(), &format!("--explain --cell {cell}"));
        let explained = text(&output.stdout);
        assert!(explained.contains(equation), "{explained}{}", text(&output.stderr));
        for line in ["decoder.bias", "  x: steps, columns", "(10, 4, 16)", "perplexity = e^L"] {
            assert!(explained.contains(line), "{line:?} is not in:\n{explained}");
        }
    }
    assert!(!home.path().join("run").exists());
}

#[test]
fn a_run_that_needs_more_memory_than_the_machine_has_is_refused_before_training() {
    let home = home(english());
    let output = train(home.path(), "--hidden-size 1000000 --num-layers 256");
    let message = text(&output.stderr).lines().last().unwrap();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.starts_with("error: not enough memory: at least "), "{message}");
    assert!(message.ends_with("use a smaller --bptt, --batch-size, --hidden-size or --num-layers"), "{message}");
}
