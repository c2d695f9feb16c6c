//! On a GPU, beside the CPU.

use std::process::{Command, Output};

use test_support::lesson::{assert_moves, assert_trains};
use test_support::workspace;

use crate::BINARY;

/// Runs the lesson in the top folder of the workspace, where `data/` is.
fn stock_lstm(options: &[&str]) -> Output {
    let program: &std::ffi::OsStr = BINARY.as_ref();
    Command::new(program).args(options).current_dir(workspace()).output().unwrap()
}

#[test]
fn a_run_has_the_cpus_losses() {
    test_support::alone("cuda::a_run_has_the_cpus_losses", |device| {
        assert_trains(&stock_lstm, device, &["--epochs", "20"]);
    });
}

#[test]
fn a_run_goes_on_elsewhere() {
    test_support::alone("cuda::a_run_goes_on_elsewhere", |device| assert_moves(&stock_lstm, device, &[], 20, 30));
}
