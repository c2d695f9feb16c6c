//! Training on a GPU, compared with the CPU. The digits are noise.

use std::path::Path;
use std::process::Output;

use test_support::lesson::{assert_resumes_on_other_device, assert_same_losses_on_device};

use crate::support::{home, mnist_gru};

/// The lesson, which trains on the digits in `home`, with 12 batches per epoch.
fn lesson(home: &Path) -> impl Fn(&[&str]) -> Output {
    move |options| mnist_gru(home, &[options, &["--data", "data"]].concat().join(" "))
}

const OPTIONS: [&str; 4] = ["--batch-size", "20", "--hidden-size", "32"];

#[test]
#[ignore = "needs a GPU: cargo test cuda -- --ignored"]
fn a_run_on_the_gpu_has_the_cpus_losses() {
    test_support::on_gpu(|device| {
        let home = home(230, 50);
        assert_same_losses_on_device(&lesson(home.path()), device, &[&OPTIONS[..], &["--epochs", "2"]].concat());
    });
}

#[test]
#[ignore = "needs a GPU: cargo test cuda -- --ignored"]
fn a_run_resumes_on_the_other_device() {
    test_support::on_gpu(|device| {
        let home = home(230, 50);
        assert_resumes_on_other_device(&lesson(home.path()), device, &OPTIONS, 1, 2);
    });
}
