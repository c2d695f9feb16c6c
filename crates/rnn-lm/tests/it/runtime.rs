//! The example `language_model` of rnn-runtime, which needs no libtorch, has the probabilities of `predict`.

use rnn_runtime::StateDict;
use serde_json::Value;
use test_support::lesson::text;

use crate::support::{english, home, rnn_lm, train};

#[allow(dead_code)] // `main`
#[path = "../../../rnn-runtime/examples/language_model.rs"]
mod example;

#[test]
fn the_probabilities_without_libtorch_are_those_of_predict() {
    for kind in ["rnn", "lstm", "gru"] {
        let home = home(english());
        let trained = train(home.path(), &format!("--cell {kind} --epochs 1"));
        assert_eq!(trained.status.code(), Some(0), "{}", text(&trained.stderr));
        let words = example::vocabulary(&home.path().join("run")).unwrap();
        let weights = StateDict::open(home.path().join("run/model.pt")).unwrap();
        let output = rnn_lm(home.path(), "predict|--model|run/model.pt|the white whale|--json|--unk|--top-k|1000");
        let expected: Value = serde_json::from_slice(&output.stdout).unwrap();
        let expected = expected["words"].as_array().unwrap();
        let ours = example::next_word(&weights, &words, &["the", "white", "whale"]).unwrap();
        assert_eq!((ours.len(), words.len()), (expected.len(), expected.len()), "{kind}");
        for (word, ours) in words.iter().zip(ours) {
            let listed = expected.iter().find(|it| it["word"] == word.as_str()).unwrap();
            let expected = listed["probability"].as_f64().unwrap();
            assert!((f64::from(ours) - expected).abs() < 1e-6, "{kind}, {word}: {ours} and {expected}");
        }
    }
}
