//! Data-parallel training: several processes share the columns of a batch. They start with the environment that
//! torchrun sets, without Python.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use rnn_lm::model::LayerKind;
use serde_json::Value;
use test_support::lesson::assert_accurate_losses;

use crate::BINARY;
use crate::float64::Training;
use crate::support::{english, home, text};

const OPTIONS: &str =
    "--device cpu --corpus corpus.txt --hidden-size 16 --batch-size 12 --bptt 10 --lr 0.02 --no-progress";

/// Runs `world` processes to their end, which must be a success. Returns their outputs.
fn run(home: &Path, world: usize, options: &str) -> Vec<Output> {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let start = |rank: usize| {
        let numbers = [("RANK", rank), ("LOCAL_RANK", rank), ("WORLD_SIZE", world), ("LOCAL_WORLD_SIZE", world)];
        Command::new(&*BINARY)
            .args(options.split_whitespace())
            .envs(numbers.map(|(name, number)| (name, number.to_string())))
            .envs([("MASTER_ADDR", "127.0.0.1"), ("MASTER_PORT", &port.to_string()), ("OMP_NUM_THREADS", "1")])
            .current_dir(home)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let processes: Vec<_> = (0..world).map(start).collect();
    let outputs = processes.into_iter().map(|process| process.wait_with_output().unwrap());
    let ended_well = |output: &Output| assert!(output.status.success(), "{}", text(&output.stderr));
    outputs.inspect(ended_well).collect()
}

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
    let alone = Command::new(&*BINARY)
        .args(format!("{OPTIONS} --threads 1 --dropout 0 --epochs 2 --out alone").split_whitespace())
        .current_dir(home)
        .output();
    assert!(alone.unwrap().status.success());
    let alone = epochs(home, "alone");
    let training = Training { cell: LayerKind::Lstm, layers: 1, dropout: 0.0, batch_size: 12 };
    let truth = training.epochs(&home.join("corpus.txt"), 2);
    for world in [1, 2, 3] {
        let said = run(home, world, &format!("{OPTIONS} --dropout 0 --epochs 2 --out {world}"));
        assert!(said[1..].iter().all(|other| other.stdout.is_empty() && other.stderr.is_empty()), "{said:?}");
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
    run(home, 2, &format!("{OPTIONS} --epochs 4 --out whole"));
    run(home, 2, &format!("{OPTIONS} --epochs 2 --out part"));
    run(home, 2, "--resume --epochs 4 --out part");
    for file in ["metrics.jsonl", "model.pt", "best.pt", "vocabulary.json"] {
        assert!(
            fs::read(home.join("part").join(file)).unwrap() == fs::read(home.join("whole").join(file)).unwrap(),
            "{file}"
        );
    }
}
