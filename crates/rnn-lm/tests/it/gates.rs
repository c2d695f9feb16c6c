//! `gates`: the picture, the numbers, and errors.

use std::fs;

use serde_json::Value;
use test_support::lesson::text;

use crate::support::{english, home, rnn_lm, train};

#[test]
fn the_gates_of_every_cell_are_drawn_and_printed_as_numbers() {
    for (cell, names, equation) in [
        ("rnn", &["a", "h"][..], "= tanh(W"),
        ("lstm", &["i", "f", "g", "o", "c", "h"], "what they act on"),
        ("gru", &["r", "z", "n", "h"], "= (1 − z"),
    ] {
        let home = home(english());
        assert_eq!(train(home.path(), &format!("--epochs 2 --num-layers 2 --cell {cell}")).status.code(), Some(0));
        let output = rnn_lm(home.path(), "gates|the Proctor sees the white|--out|run|--json|--device|cpu");
        let gates: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(text(&output.stderr), "not in the vocabulary, read as <unk>: proctor\n");
        assert_eq!(gates["words"], serde_json::json!(["the", "proctor", "sees", "the", "white"]));
        assert_eq!(gates["unknown"], serde_json::json!(["proctor"]));
        let layers = gates["layers"].as_array().unwrap();
        assert_eq!(layers.len(), 2);
        assert_eq!(layers[1].as_object().unwrap().keys().collect::<Vec<_>>(), names);
        let h: Vec<Vec<f64>> = serde_json::from_value(layers[1]["h"].clone()).unwrap();
        assert_eq!((h.len(), h[4].len()), (5, 16), "five words, sixteen units");

        // The probabilities after the last word are those of `predict`.
        let arguments = "predict|the Proctor sees the white|--model|run/model.pt|--json|--top-k|8|--device|cpu";
        let predicted: Value = serde_json::from_slice(&rnn_lm(home.path(), arguments).stdout).unwrap();
        let next = gates["next"].as_array().unwrap();
        assert_eq!(next.len(), 8);
        for (next, predicted) in next.iter().zip(predicted["words"].as_array().unwrap()) {
            assert_eq!(next["word"], predicted["word"]);
            let steps: Vec<f64> = serde_json::from_value(next["probability"].clone()).unwrap();
            assert_eq!(steps.len(), 5);
            let other = predicted["probability"].as_f64().unwrap();
            assert!((steps[4] - other).abs() < 1e-5, "{cell}: {} and {other}", steps[4]);
        }
        let svg = fs::read_to_string(home.path().join("run/gates.svg")).unwrap();
        for part in [equation, "layer 1", "proctor", "softmax(W h", "hidden unit"] {
            assert!(svg.contains(part), "{cell}: {part}");
        }

        // A new run removes the picture of the old run's gates.
        assert_eq!(train(home.path(), "--epochs 1").status.code(), Some(0));
        assert!(!home.path().join("run/gates.svg").exists());
    }
}

#[test]
fn empty_and_long_texts_and_missing_models_are_errors() {
    let home = home(english());
    let run = |arguments: &str| {
        let output = rnn_lm(home.path(), arguments);
        (output.status.code(), text(&output.stderr).to_owned())
    };
    let (code, message) = run("gates|the");
    assert!(code == Some(1) && message.ends_with("cargo run -p rnn-lm trains a model\n"), "{message}");
    assert_eq!(train(home.path(), "--epochs 1").status.code(), Some(0));
    assert_eq!(run("gates| |--out|run"), (Some(2), "error: the text to continue is empty\n".to_owned()));
    let (code, message) = run(&format!("gates|{}|--out|run", "the ".repeat(61)));
    assert_eq!(
        (code, message.as_str()),
        (Some(2), "error: the text has 61 words: a picture has space for 60; pass a shorter text\n")
    );
    let (code, message) = run("gates|the|--out|run|--no-plots");
    assert!(code == Some(2) && message.contains("add --json to print the numbers"), "{message}");
    std::fs::remove_file(home.path().join("run/vocabulary.json")).unwrap();
    let (code, message) = run("gates|the|--out|run");
    assert!(code == Some(1) && message.contains("vocabulary.json: cannot read the model's vocabulary"), "{message}");
}

#[test]
fn a_model_of_characters_reads_letter_by_letter() {
    let home = home(english());
    assert_eq!(train(home.path(), "--epochs 1 --chars").status.code(), Some(0));
    let output = rnn_lm(home.path(), "gates|a ship|--out|run|--json|--device|cpu");
    let gates: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(gates["words"], serde_json::json!(["a", " ", "s", "h", "i", "p"]));
    let svg = fs::read_to_string(home.path().join("run/gates.svg")).unwrap();
    assert!(svg.contains("&quot; &quot;"), "a space is in quotes");
}
