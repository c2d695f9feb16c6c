//! The lesson equals its notebook to the bit on Moby Dick, from the initial weights to the scores.
//!
//! `scripts/setup.sh` downloads the book. Without it these tests fail, and the message has the download command.

use lesson_kit::Recording;
use parity::{Comparison, tolerances};
use rnn_lm::LESSON;
use rnn_lm::data::{Corpus, DEFAULT_CORPUS};
use rnn_lm::model::{LanguageModel, LayerKind, Sizes};
use rnn_lm::tokens::Unit;
use tch::Device;
use tch::nn::VarStore;
use test_support::lesson::{assert_equal_bits, compare_live};
use test_support::{seeded, workspace};

use crate::BINARY;

const QUANTITIES: usize = 21;

/// Two epochs also compare the learning rate schedule, the reset of the hidden state, and the selection of the best
/// epoch.
#[test]
#[ignore = "needs Python's torch: scripts/setup.sh --full, then cargo test python -- --ignored"]
fn all_results_equal_pythons_to_the_bit() {
    for args in [
        ["--seed=0", "--threads=1", "--limit=12", "--epochs=1"],
        ["--seed=41", "--threads=2", "--limit=6", "--epochs=2"],
    ] {
        let report = compare_live(&BINARY, &args);
        assert_equal_bits(&report, QUANTITIES);
    }
}

/// The names of initial weights that equal the record, or are close to it on another CPU.
fn recorded(cell: LayerKind) -> Vec<String> {
    let comparison = Comparison::recorded(&LESSON, &workspace().join("notebooks-ref"), &tolerances::RNN_LM).unwrap();
    let corpus = Corpus::read(&workspace().join(DEFAULT_CORPUS), Unit::Word).unwrap();
    let words = corpus.vocabulary(5).unwrap().len() as i64;
    let sizes = Sizes { words, hidden: LESSON.defaults.hidden_size, layers: LESSON.defaults.num_layers };
    let _guard = seeded(comparison.seed());
    let vs = VarStore::new(Device::Cpu);
    let model = LanguageModel::new(&vs.root(), cell, sizes, 0.0).unwrap();
    let mut recording = Recording::default();
    for (name, tensor) in model.named_parameters() {
        recording.add("initial weights", &name, &tensor).unwrap();
    }
    let rows = comparison.rows(&recording);
    rows.iter().filter(|row| row.ok).map(|row| row.name.clone()).collect()
}

#[test]
fn initial_weights_equal_the_recorded_ones_and_those_of_another_layer_do_not() {
    let names = recorded(LayerKind::Lstm);
    assert_eq!(names.len(), 7, "{names:?}");
    assert_eq!(recorded(LayerKind::Gru), ["embedding.weight"], "its numbers are drawn first");
}
