//! Data-parallel training: several processes share the columns of a batch. They start with the environment that
//! torchrun sets, without Python.

use std::fs;
use std::path::Path;

use rnn_lm::model::LayerKind;
use serde_json::Value;
use test_support::lesson::{assert_accurate_losses, run_processes, text};

use crate::BINARY;
use crate::float64::Training;
use crate::support::{english, home, rnn_lm};

const OPTIONS: &str = "--corpus corpus.txt --hidden-size 16 --batch-size 12 --bptt 10 --lr 0.02";

/// For each epoch: loss, training perplexity, validation perplexity and test perplexity.
fn epochs(home: &Path, run: &str) -> Vec<[f64; 4]> {
    let metrics = fs::read_to_string(home.join(run).join("metrics.jsonl")).unwrap();
    let number = |epoch: &Value, key: &str| epoch[key].as_f64().unwrap();
    let figures = |line| {
        let epoch: Value = serde_json::from_str(line).unwrap();
        ["loss", "train_perplexity", "valid_perplexity", "test_perplexity"].map(|key| number(&epoch, key))
    };
    metrics.lines().map(figures).collect()
}

/// Without dropout there is nothing random in an epoch, and the processes share the columns of the same batch. So the
/// figures are equal up to rounding.
#[test]
fn groups_of_one_two_and_three_equal_a_single_process_up_to_rounding() {
    let home = home(english());
    let home = home.path();
    let options = format!("{OPTIONS} --device cpu --threads 1 --dropout 0 --epochs 2 --out alone");
    let alone = rnn_lm(home, &options.replace(' ', "|"));
    assert!(alone.status.success(), "{}", text(&alone.stderr));
    let alone = epochs(home, "alone");
    let training = Training { cell: LayerKind::Lstm, layers: 1, dropout: 0.0, batch_size: 12 };
    let truth = training.epochs(&home.join("corpus.txt"), 2);
    for world in [1, 2, 3] {
        let streams = run_processes(&BINARY, home, world, &format!("{OPTIONS} --dropout 0 --epochs 2 --out {world}"));
        assert!(streams[1..].iter().flatten().all(String::is_empty), "{streams:?}");
        let together = epochs(home, &world.to_string());
        let what = format!("{world} processes");
        assert_accurate_losses(&what, truth.as_flattened(), alone.as_flattened(), together.as_flattened());
    }
}

/// With dropout, each process has its own generator. A checkpoint has the states of all of them.
#[test]
fn a_run_of_two_processes_with_dropout_resumes_to_the_same_bits() {
    let home = home(english());
    let home = home.path();
    run_processes(&BINARY, home, 2, &format!("{OPTIONS} --epochs 4 --out whole"));
    run_processes(&BINARY, home, 2, &format!("{OPTIONS} --epochs 2 --out part"));
    run_processes(&BINARY, home, 2, "--resume --epochs 4 --out part");
    for file in ["metrics.jsonl", "model.pt", "best.pt", "vocabulary.json"] {
        assert!(
            fs::read(home.join("part").join(file)).unwrap() == fs::read(home.join("whole").join(file)).unwrap(),
            "{file}"
        );
    }
}
