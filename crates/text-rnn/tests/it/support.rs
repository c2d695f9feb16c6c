//! Helpers for the tests of this lesson.

use std::path::Path;
use std::process::{Command, Output};

use test_support::workspace;

use crate::BINARY;

/// The largest accepted difference of two computations of a probability. The derivative of softmax is at most 1/4.
/// Scores are below 20, and have an error of at most 16 ULP (2^-23 of the largest score each).
pub const PROBABILITY: f64 = 16.0 * 20.0 * f32::EPSILON as f64 / 4.0;

/// Runs the lesson in the top folder of the workspace, on the CPU.
pub fn text_rnn(args: &[&str]) -> Output {
    run_in_workspace(args, Command::new(&*BINARY).env("CUDA_VISIBLE_DEVICES", ""))
}

/// Runs the lesson on the device of `args`.
pub fn on_any_device(args: &[&str]) -> Output {
    run_in_workspace(args, &mut Command::new(&*BINARY))
}

fn run_in_workspace(args: &[&str], command: &mut Command) -> Output {
    command.args(args).current_dir(workspace()).output().unwrap()
}

/// Trains a model into `folder`. Returns the model's path.
pub fn trained(folder: &Path) -> String {
    let out = folder.to_str().unwrap();
    assert!(text_rnn(&["--quiet", "--threads", "1", "--out", out]).status.success());
    format!("{out}/model.pt")
}
