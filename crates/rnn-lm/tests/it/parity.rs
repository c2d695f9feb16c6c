//! The lesson and the notebook on Moby Dick: the same bits from the first weights to the last score.
//!
//! scripts/setup.sh has fetched the book; where it is missing, these tests fail and say how to get it.

use lesson_kit::compare::{Comparison, Results};
use rnn_lm::LESSON;
use rnn_lm::corpus::{Corpus, DEFAULT};
use rnn_lm::model::{Cell, LanguageModel, Sizes};
use rnn_lm::tokens::Unit;
use tch::Device;
use tch::nn::VarStore;
use test_support::lesson::{assert_equal_bits, compare_live};
use test_support::workspace;

use crate::BINARY;
use crate::support::seeded;

const QUANTITIES: usize = 21;

/// The second epoch shows the schedule, the state that begins anew, and the choice of the best one.
#[test]
#[cfg_attr(not(python_torch), ignore = "needs Python's torch: scripts/setup.sh --full")]
fn live_the_bits_are_equal() {
    for args in [
        ["--seed=0", "--threads=1", "--limit=12", "--epochs=1"],
        ["--seed=41", "--threads=2", "--limit=6", "--epochs=2"],
    ] {
        let report = compare_live(&BINARY, &args);
        assert_equal_bits(&report, QUANTITIES);
    }
}

/// Names of the recorded quantities that a model of this kind, before its training, has: to the bit, or close on another CPU.
fn recorded(cell: Cell) -> Vec<String> {
    let comparison = Comparison::recorded(&LESSON, &workspace().join("notebooks-ref")).unwrap();
    let corpus = Corpus::read(&workspace().join(DEFAULT), Unit::Word).unwrap();
    let words = corpus.vocabulary(5).unwrap().len() as i64;
    let sizes = Sizes { words, hidden: LESSON.defaults.hidden_size, layers: LESSON.defaults.num_layers };
    let _turn = seeded(comparison.seed());
    let vs = VarStore::new(Device::Cpu);
    let model = LanguageModel::new(&vs.root(), cell, sizes, 0.0).unwrap();
    let mut results = Results::new();
    results.weights("initial weights", &model.named_parameters()).unwrap();
    let rows = comparison.rows(&results);
    rows.iter().filter(|row| row.ok).map(|row| row.name.clone()).collect()
}

#[test]
#[cfg_attr(not(recorded_libtorch), ignore = "compares with numbers recorded with libtorch 2.13.0")]
fn the_initial_weights_are_the_recorded_ones_and_another_layer_is_noticed() {
    let names = recorded(Cell::Lstm);
    assert_eq!(names.len(), 7, "{names:?}");
    assert_eq!(recorded(Cell::Gru), ["embedding.weight"], "which is drawn first");
}
