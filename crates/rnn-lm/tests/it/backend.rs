//! `--backend fused`: equal to `exact` up to rounding for each kind of layer, with the same guarantees for resume.

use std::path::Path;
use std::process::Output;

use rnn_lm::model::LayerKind;
use serde_json::Value;
use test_support::lesson::{assert_accurate_fused_losses, assert_exact_resume, equal_to_four_digits, text};

use crate::float64::Training;
use crate::support::{english, home, rnn_lm, train};

/// The lesson, which trains on the corpus in `home`.
fn lesson(home: &Path) -> impl Fn(&[&str]) -> Output {
    |options| train(home, &options.join(" "))
}

/// Dropout draws the same numbers with both backends.
#[test]
fn the_first_fused_losses_are_as_accurate_as_exact_ones() {
    let home = home(english());
    let corpus = home.path().join("corpus.txt");
    for (name, cell) in [("rnn", LayerKind::Rnn), ("lstm", LayerKind::Lstm), ("gru", LayerKind::Gru)] {
        let training = Training { cell, layers: 2, dropout: 0.2, batch_size: 4 };
        let options = ["--cell", name, "--num-layers", "2", "--epochs", "1", "--limit", "20"];
        assert_accurate_fused_losses(&lesson(home.path()), &options, &training.first_losses(&corpus, 20));
    }
}

#[test]
fn a_resumed_run_has_the_same_bits_as_an_uninterrupted_one() {
    assert_exact_resume(&lesson(home(english()).path()), &[], "1", "3");
}

#[test]
fn both_backends_give_the_same_results_for_a_fused_model() {
    let home = home(english());
    assert_eq!(train(home.path(), "--backend fused --epochs 2").status.code(), Some(0));
    let with_both_backends = |arguments: &str| {
        ["exact", "fused"].map(|backend| {
            let output = rnn_lm(home.path(), &format!("{arguments}|--json|--threads|1|--backend|{backend}"));
            assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
            serde_json::from_slice::<Value>(&output.stdout).unwrap()
        })
    };
    let [exact, fused] = with_both_backends("eval|run/model.pt");
    assert!(equal_to_four_digits(&exact["test_perplexity"], &fused["test_perplexity"]), "{exact} {fused}");
    let [exact, fused] = with_both_backends("predict|the white|--model|run/model.pt");
    assert_eq!(exact["words"][0]["word"], fused["words"][0]["word"]);
    assert!(
        equal_to_four_digits(&exact["words"][0]["probability"], &fused["words"][0]["probability"]),
        "{exact} {fused}"
    );
}
