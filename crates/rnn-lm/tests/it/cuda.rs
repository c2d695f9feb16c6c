//! Training on a GPU, compared with the CPU. There is no dropout, because each device draws other masks.

use std::path::Path;
use std::process::Output;

use test_support::lesson::{assert_resumes_on_other_device, assert_same_losses_on_device};

use crate::support::{english, home, rnn_lm};

/// Runs the lesson in `home`, which has a small corpus.
fn lesson(home: &Path) -> impl Fn(&[&str]) -> Output {
    move |options| rnn_lm(home, &[options, &["--corpus", "corpus.txt"]].concat().join("|"))
}

const OPTIONS: [&str; 10] =
    ["--dropout", "0", "--hidden-size", "16", "--batch-size", "4", "--bptt", "10", "--limit", "20"];

#[test]
#[ignore = "needs a GPU: cargo test cuda -- --ignored"]
fn a_run_on_the_gpu_has_the_cpus_losses() {
    test_support::on_gpu(|device| {
        let home = home(english());
        for cell in ["rnn", "lstm", "gru"] {
            let options = [&OPTIONS[..], &["--num-layers", "2", "--epochs", "2", "--cell", cell]].concat();
            assert_same_losses_on_device(&lesson(home.path()), device, &options);
        }
    });
}

#[test]
#[ignore = "needs a GPU: cargo test cuda -- --ignored"]
fn a_run_resumes_on_the_other_device() {
    test_support::on_gpu(|device| {
        let home = home(english());
        assert_resumes_on_other_device(&lesson(home.path()), device, &OPTIONS, 1, 2);
    });
}
