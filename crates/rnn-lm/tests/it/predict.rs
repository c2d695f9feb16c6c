//! `predict` and `eval`: results and errors.

use serde_json::Value;
use test_support::lesson::text;

use crate::support::{english, home, rnn_lm, train};

#[test]
fn predict_lists_the_most_likely_words_and_generates_text() {
    let home = home(english());
    let trained = train(home.path(), "--epochs 4");
    assert_eq!(trained.status.code(), Some(0), "{}", text(&trained.stderr));
    let predict = |arguments: &str| rnn_lm(home.path(), &format!("predict|--model|run/model.pt|{arguments}"));

    let output = predict("The white");
    let listed = text(&output.stdout);
    assert!(listed.starts_with("whale") && listed.lines().count() == 10 && listed.contains(" %  █"), "{listed}");
    assert_eq!(text(&output.stderr), "");
    assert_eq!(text(&predict("the white|--top-k|3").stdout).lines().count(), 3);

    let output = predict("the proctor , the proctor sees the|--json");
    let prediction: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(text(&output.stderr), "not in the vocabulary, read as <unk>: proctor, ,\n");
    assert_eq!(prediction["unknown"], serde_json::json!(["proctor", ","]));
    let words = prediction["words"].as_array().unwrap();
    let shares: Vec<f64> = words.iter().map(|word| word["probability"].as_f64().unwrap()).collect();
    assert!(shares.is_sorted_by(|one, next| one >= next) && shares.iter().sum::<f64>() <= 1.0, "{shares:?}");

    let write = |arguments: &str| text(&predict(&format!("the whale|--length|12|{arguments}")).stdout).to_owned();
    let written = write("--seed|1");
    assert!(written.starts_with("the whale ") && written.contains('.') && !written.contains("<unk>"), "{written}");
    assert_eq!(write("--seed|1"), written, "the same seed, the same text");
    assert!(write("--seed|-1").starts_with("the whale "), "training accepts negative seeds too");
    assert!((2..9).any(|seed| write(&format!("--seed|{seed}")) != written));
    // At this temperature, a difference of 0.001 between two scores makes one word e^100 times as likely as the other.
    assert_eq!(
        write("--top-k|1|--seed|1"),
        write("--temperature|0.00001|--seed|2"),
        "both select the most likely word"
    );
}

#[test]
fn wrong_options_empty_text_and_missing_files_are_errors() {
    let home = home(english());
    assert_eq!(train(home.path(), "--epochs 1").status.code(), Some(0));
    let run = |arguments: &str| {
        let output = rnn_lm(home.path(), arguments);
        (output.status.code(), text(&output.stderr).to_owned())
    };
    for wrong in ["|--length|0", "|--top-k|0", "|--length|5|--temperature|0", "|--temperature|2", "|--seed|1"] {
        assert_eq!(run(&format!("predict|the{wrong}")).0, Some(2), "{wrong}");
    }
    assert_eq!(run("predict| |--model|run/model.pt"), (Some(2), "error: the text to continue is empty\n".to_owned()));
    let (code, message) = run("predict|the");
    assert!(code == Some(1) && message.ends_with("cargo run -p rnn-lm trains a model\n"), "{message}");
    std::fs::copy(home.path().join("run/model.pt"), home.path().join("model.pt")).unwrap();
    let (code, message) = run("predict|the|--model|model.pt");
    assert!(code == Some(1) && message.contains("vocabulary.json: cannot read the model's vocabulary"), "{message}");
    std::fs::write(home.path().join("vocabulary.json"), r#"{"unit":"word","words":["<unk>","the","sea"]}"#).unwrap();
    let (code, message) = run("predict|the|--model|model.pt");
    assert!(code == Some(1) && message.contains("and its vocabulary has 3: they do not belong together"), "{message}");
    let large = std::fs::File::create(home.path().join("vocabulary.json")).unwrap();
    large.set_len(2 << 30).unwrap(); // without blocks on the disk
    let (code, message) = run("predict|the|--model|model.pt");
    assert!(
        code == Some(1) && message.contains("has 2147483648 bytes, and at most 1073741824 are expected"),
        "{message}"
    );
}

#[cfg(unix)]
#[test]
fn a_fifo_as_corpus_or_vocabulary_is_an_error_without_waiting() {
    let home = home(english());
    assert_eq!(train(home.path(), "--epochs 1").status.code(), Some(0));
    std::fs::remove_file(home.path().join("run/vocabulary.json")).unwrap();
    for fifo in ["fifo", "run/vocabulary.json"] {
        assert!(std::process::Command::new("mkfifo").arg(home.path().join(fifo)).status().unwrap().success());
    }
    for arguments in ["predict|the|--model|run/model.pt", "eval|run/model.pt", "--corpus|fifo"] {
        let output = rnn_lm(home.path(), arguments);
        let message = text(&output.stderr);
        assert!(message.contains(": not a regular file but a FIFO (pipe); "), "{arguments}: {message}");
        assert_eq!(output.status.code(), Some(1), "{arguments}");
    }
}

#[test]
fn words_of_a_strangers_vocabulary_are_escaped() {
    let home = home(english());
    assert_eq!(train(home.path(), "--epochs 1").status.code(), Some(0));
    let path = home.path().join("run/vocabulary.json");
    let mut vocabulary: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let count = vocabulary["words"].as_array().unwrap().len();
    for number in 1..count {
        vocabulary["words"][number] = format!("\u{1b}[2J\nforged{number}\u{202e}고래").into();
    }
    std::fs::write(&path, vocabulary.to_string()).unwrap();
    for options in ["", "|--length|5", "|--json"] {
        let output = rnn_lm(home.path(), &format!("predict|the|--model|run/model.pt{options}"));
        let printed = text(&output.stdout);
        assert!(printed.contains("forged") && printed.contains("고래"), "{printed:?}");
        assert!(!printed.contains(['\u{1b}', '\u{202e}']), "{printed:?}");
        assert!(printed.lines().all(|line| !line.starts_with("forged")), "{printed:?}");
    }
}

#[test]
fn eval_prints_the_scores_that_training_printed() {
    let home = home(english());
    for cell in ["rnn", "gru"] {
        let trained = train(home.path(), &format!("--epochs 2 --num-layers 2 --cell {cell}"));
        let (_, scores) = text(&trained.stdout).split_once("\n\n").unwrap();
        let output = rnn_lm(home.path(), "eval|run/model.pt|--corpus|corpus.txt|--threads|1|--device|cpu");
        assert_eq!(text(&output.stdout), scores, "{}", text(&output.stderr));
    }
    // Without --corpus, eval reads the corpus in config.json.
    let output = rnn_lm(home.path(), "eval|run/model.pt|--json|--threads|1|--device|cpu");
    let scores: Value = serde_json::from_slice(&output.stdout).unwrap();
    let summary = std::fs::read(home.path().join("run/summary.json")).unwrap();
    let summary: Value = serde_json::from_slice(&summary).unwrap();
    for key in ["vocab", "valid_perplexity", "test_perplexity"] {
        assert_eq!(scores[key], summary[key], "{key}");
    }
    // Without it the corpus is not known.
    for broken in [None, Some("{"), Some(r#"{"lesson": "rnn-lm"}"#)] {
        let config = home.path().join("run/config.json");
        broken.map_or_else(|| std::fs::remove_file(&config), |text| std::fs::write(&config, text)).unwrap();
        let output = rnn_lm(home.path(), "eval|run/model.pt");
        let message = text(&output.stderr);
        let expected =
            "error: run/model.pt: it is not known which text the model was trained on; name it with --corpus FILE";
        assert!(output.status.code() == Some(1) && message.starts_with(expected), "{message}");
    }
}
