//! The example `predict_word` of rnn-runtime, which needs no libtorch, has the probabilities of `predict`.

use rnn_runtime::StateDict;
use serde_json::Value;
use text_rnn::data::SENTENCES;

use crate::support::{text_rnn, trained};

#[allow(dead_code)] // `main`
#[path = "../../../rnn-runtime/examples/predict_word.rs"]
mod example;

#[test]
fn the_probabilities_without_libtorch_are_those_of_predict() {
    let folder = tempfile::tempdir().unwrap();
    let model = trained(folder.path());
    let weights = StateDict::open(&model).unwrap();
    for sentence in SENTENCES {
        let words: Vec<&str> = sentence.split(' ').take(2).collect();
        let output = text_rnn(&["predict", "--json", "--model", &model, &words.join(" ")]);
        let expected: Value = serde_json::from_slice(&output.stdout).unwrap();
        let ours = example::probabilities(&weights, &words).unwrap();
        assert_eq!(ours.len(), expected["probabilities"].as_array().unwrap().len());
        for (word, share) in ours {
            let listed = expected["probabilities"].as_array().unwrap().iter().find(|it| it["word"] == word).unwrap();
            let expected = listed["probability"].as_f64().unwrap();
            assert!((f64::from(share) - expected).abs() < 1e-6, "{words:?} {word}: {share} and {expected}");
        }
    }
    let unknown = example::probabilities(&weights, &["i", "unheard"]).unwrap_err().to_string();
    assert!(unknown.starts_with("choose from the words i, like, dog"), "{unknown}");
}
