//! Helpers for the tests of this lesson.

use std::path::Path;
use std::process::{Command, Output};

use test_support::workspace;

use crate::BINARY;

/// Runs the lesson in the top folder of the workspace, on one thread, because tests run in parallel.
pub fn stock_lstm(args: &[&str]) -> Output {
    let mut command = Command::new(&*BINARY);
    command.args(args).args(["--device", "cpu", "--threads", "1"]);
    command.current_dir(workspace()).output().unwrap()
}

/// The text of stdout or stderr.
pub fn text(stream: &[u8]) -> &str {
    std::str::from_utf8(stream).unwrap()
}

/// Trains a model for a few epochs into `folder`. Returns the model's path.
pub fn trained(folder: &Path) -> String {
    let out = folder.to_str().unwrap();
    assert!(stock_lstm(&["-q", "--epochs", "20", "--out", out]).status.success());
    format!("{out}/model.pt")
}

/// Seeds libtorch's default generator. The process has one, so a test that draws from it holds the returned lock.
pub fn seeded(seed: i64) -> std::sync::MutexGuard<'static, ()> {
    static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    tch::manual_seed(seed);
    turn
}
