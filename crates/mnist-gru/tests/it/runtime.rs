//! The example `predict_digit` of rnn-runtime, which needs no libtorch, has the probabilities of `predict`.

use rnn_runtime::StateDict;
use serde_json::Value;
use test_support::lesson::text;

use crate::support::{TEST_IMAGES, home, mnist_gru};

#[allow(dead_code)] // `main`
#[path = "../../../rnn-runtime/examples/predict_digit.rs"]
mod example;

#[test]
fn the_probabilities_without_libtorch_are_those_of_predict() {
    let home = home(30, 7);
    let trained = mnist_gru(home.path(), "--data data --out run --device cpu --hidden-size 40 --epochs 1 --no-plots");
    assert_eq!(trained.status.code(), Some(0), "{}", text(&trained.stderr));
    let weights = StateDict::open(home.path().join("run/model.pt")).unwrap();
    let pictures = home.path().join("data").join(TEST_IMAGES);
    for digit in 0..7 {
        let options = format!("predict --data data --model run/model.pt --json --index {digit}");
        let expected: Value = serde_json::from_slice(&mnist_gru(home.path(), &options).stdout).unwrap();
        let ours = example::probabilities(&weights, &example::read(&pictures, digit).unwrap()).unwrap();
        let expected = expected["probabilities"].as_array().unwrap();
        assert_eq!(ours.len(), expected.len());
        for (ours, expected) in ours.iter().zip(expected) {
            let expected = expected.as_f64().unwrap();
            assert!((f64::from(*ours) - expected).abs() < 1e-6, "digit {digit}: {ours} and {expected}");
        }
    }
    assert_eq!(example::read(&pictures, 7).unwrap_err().to_string(), "the file has no picture 7");
}
