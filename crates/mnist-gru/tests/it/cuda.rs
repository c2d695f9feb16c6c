//! Training on a GPU, compared with the CPU. The digits are noise.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output};

use test_support::lesson::{assert_resumes_on_other_device, assert_same_losses_on_device};

use crate::BINARY;
use crate::support::write_mnist;

/// Runs the lesson in `home`, with 12 batches per epoch.
fn mnist_gru(home: &Path) -> impl Fn(&[&str]) -> Output {
    write_mnist(home, 230, 50);
    move |options| {
        let program: &OsStr = BINARY.as_ref();
        Command::new(program).args(options).args(["--data", "."]).current_dir(home).output().unwrap()
    }
}

const OPTIONS: [&str; 4] = ["--batch-size", "20", "--hidden-size", "32"];

#[test]
#[ignore = "needs a GPU: cargo test cuda -- --ignored"]
fn a_run_on_the_gpu_has_the_cpus_losses() {
    test_support::on_gpu(|device| {
        let home = tempfile::tempdir().unwrap();
        assert_same_losses_on_device(&mnist_gru(home.path()), device, &[&OPTIONS[..], &["--epochs", "2"]].concat());
    });
}

#[test]
#[ignore = "needs a GPU: cargo test cuda -- --ignored"]
fn a_run_resumes_on_the_other_device() {
    test_support::on_gpu(|device| {
        let home = tempfile::tempdir().unwrap();
        assert_resumes_on_other_device(&mnist_gru(home.path()), device, &OPTIONS, 1, 2);
    });
}
