//! `predict`: results and errors.

use std::process::{Command, Stdio};

use serde_json::Value;
use test_support::lesson::text;
use test_support::workspace;

use crate::BINARY;
use crate::support::{PROBABILITY, text_rnn, trained};

#[test]
fn predict_prints_the_next_word_and_all_probabilities() {
    let folder = tempfile::tempdir().unwrap();
    let model = trained(folder.path());
    let output = text_rnn(&["predict", "i like", "--model", &model]);
    let lines: Vec<_> = text(&output.stdout).lines().collect();
    assert_eq!((lines.len(), lines[0], lines[1]), (2 + 9, "i like -> dog", ""), "{}", text(&output.stderr));
    assert!(lines[2].starts_with("dog     9") && lines[2].contains('█'), "{}", lines[2]);

    // The words are one argument or two.
    let output = text_rnn(&["predict", "--json", "--model", &model, "you", "love"]);
    let next: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&next["input"], &next["predicted"]), (&"you love".into(), &"milk".into()));
    let words = next["probabilities"].as_array().unwrap();
    let shares: Vec<_> = words.iter().map(|word| word["probability"].as_f64().unwrap()).collect();
    assert!(words.len() == 9 && shares.is_sorted_by(|one, other| one >= other), "{shares:?}");
    assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
}

#[test]
fn predict_and_eval_have_the_same_probabilities() {
    let folder = tempfile::tempdir().unwrap();
    let model = trained(folder.path());
    let eval: Value = serde_json::from_slice(&text_rnn(&["eval", &model, "--json"]).stdout).unwrap();
    let words = eval["vocabulary"].as_array().unwrap();
    for (sentence, shares) in eval["predictions"].as_array().unwrap().iter().zip(eval["next_word"].as_array().unwrap())
    {
        let input = sentence["input"].as_str().unwrap();
        let output = text_rnn(&["predict", input, "--json", "--model", &model]);
        let next: Value = serde_json::from_slice(&output.stdout).unwrap();
        for (word, share) in words.iter().zip(shares.as_array().unwrap()) {
            let found = next["probabilities"].as_array().unwrap().iter().find(|it| it["word"] == *word).unwrap();
            let (found, share) = (found["probability"].as_f64().unwrap(), share.as_f64().unwrap());
            assert!((found - share).abs() < PROBABILITY, "{input} {word}: {found} and {share}");
        }
    }
}

#[test]
fn every_command_refuses_a_model_with_a_value_that_is_not_finite() {
    let folder = tempfile::tempdir().unwrap();
    let model = trained(folder.path());
    let broken = folder.path().join("broken.pt");
    for value in [f64::NAN, f64::NEG_INFINITY] {
        let weights = torch_ext::StateDict::load(&model).unwrap();
        let _ = weights.get("rnn.weight_hh_l0").unwrap().get(0).get(1).fill_(value);
        weights.save(&broken).unwrap();
        let file = broken.to_str().unwrap();
        let out = folder.path().join("pictures");
        for arguments in [
            &["eval", file][..],
            &["predict", "i like", "--model", file],
            &["gates", "i like", "--model", file, "--out", out.to_str().unwrap()],
        ] {
            let output = text_rnn(arguments);
            let expected = format!(
                "error: {file}: rnn.weight_hh_l0 has values that are NaN or infinite, so every result would be NaN; train the \
                 model again\n"
            );
            assert_eq!((output.status.code(), text(&output.stderr)), (Some(1), expected.as_str()), "{arguments:?}");
            assert_eq!(text(&output.stdout), "");
        }
    }
}

#[test]
fn unknown_words_and_a_wrong_number_of_words_are_usage_errors() {
    for (words, message) in [
        ("i tea", "\"tea\" is not in the vocabulary; choose from: i, like, dog, love, coffe, hate, milk, you, cat"),
        ("I like", "\"I\" is not in the vocabulary; choose from: i, like, dog, love, coffe, hate, milk, you, cat"),
        ("i", "\"i\" has 1 word: the network was trained on 2 words, for example \"i like\""),
        ("i like dog", "\"i like dog\" has 3 words: the network was trained on 2 words, for example \"i like\""),
        (" ", "\"\" has 0 words: the network was trained on 2 words, for example \"i like\""),
    ] {
        let output = text_rnn(&["predict", words]);
        assert_eq!(text(&output.stderr), format!("error: {message}\n"));
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(2), ""));
    }
    assert_eq!(text_rnn(&["predict"]).status.code(), Some(2));
}

#[test]
fn a_missing_model_and_a_file_that_is_not_a_model_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("model.pt");
    let output = text_rnn(&["predict", "i like", "--model", nowhere.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let message = text(&output.stderr);
    assert!(message.contains(nowhere.to_str().unwrap()) && message.contains("cargo run -p text-rnn"), "{message}");

    let other = workspace().join("data/goog.csv");
    let output = text_rnn(&["predict", "i like", "--model", other.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).starts_with("error: ") && text(&output.stderr).contains("goog.csv"));
}

#[test]
fn a_closed_pipe_is_not_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let model = trained(folder.path());
    let mut child = Command::new(&*BINARY)
        .args(["predict", "i like", "--model", &model])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take()); // closes the pipe, as `| head` does after its last line
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
}

#[test]
fn a_model_whose_sizes_do_not_fit_its_weights_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.pt");
    let empty = tch::Tensor::zeros([0, 20_000], tch::kind::FLOAT_CPU); // an RNN of this size takes 1.6 GB
    let state_dict: torch_ext::StateDict = [("rnn.weight_hh_l0".to_owned(), empty)].into_iter().collect();
    state_dict.save(&path).unwrap();
    let saved = lesson_kit::SavedModel::read(&path, &text_rnn::LESSON).unwrap();
    let error = text_rnn::model::TextRnn::load(&saved, 9, tch::Device::Cpu).unwrap_err().to_string();
    assert!(error.ends_with("has rnn.weight_hh_l0 of shape [0, 20000]; expected (1 * hidden, hidden)"), "{error}");
}
