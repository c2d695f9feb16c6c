//! Training on a GPU, compared with the CPU.

use std::process::{Command, Output};

use test_support::lesson::{assert_resumes_on_other_device, assert_same_losses_on_device};
use test_support::workspace;

use crate::BINARY;

/// Runs the lesson in the top folder of the workspace, where `data/` is.
fn stock_lstm(options: &[&str]) -> Output {
    let program: &std::ffi::OsStr = BINARY.as_ref();
    Command::new(program).args(options).current_dir(workspace()).output().unwrap()
}

#[test]
#[ignore = "needs a GPU: cargo test cuda -- --ignored"]
fn a_run_on_the_gpu_has_the_cpus_losses() {
    test_support::on_gpu(|device| {
        assert_same_losses_on_device(&stock_lstm, device, &["--epochs", "20"]);
    });
}

#[test]
#[ignore = "needs a GPU: cargo test cuda -- --ignored"]
fn a_run_resumes_on_the_other_device() {
    test_support::on_gpu(|device| assert_resumes_on_other_device(&stock_lstm, device, &[], 20, 30));
}
