//! Helpers for the tests of this lesson.

use std::path::Path;
use std::process::{Command, Output};

use test_support::workspace;

use crate::BINARY;

/// Runs the lesson in the top folder of the workspace, on one thread of the CPU, because tests run in parallel.
pub fn stock_lstm(args: &[&str]) -> Output {
    on_any_device(&[args, &["--device", "cpu", "--threads", "1"]].concat())
}

/// Runs the lesson on the device of `args`.
pub fn on_any_device(args: &[&str]) -> Output {
    Command::new(&*BINARY).args(args).current_dir(workspace()).output().unwrap()
}

/// Trains a model for a few epochs into `folder`. Returns the model's path.
pub fn trained(folder: &Path) -> String {
    let out = folder.to_str().unwrap();
    assert!(stock_lstm(&["-q", "--epochs", "20", "--out", out]).status.success());
    format!("{out}/model.pt")
}
