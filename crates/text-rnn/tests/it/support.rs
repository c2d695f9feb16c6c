//! What the tests share.

use std::path::Path;
use std::process::{Command, Output};

use test_support::workspace;

use crate::BINARY;

/// How far two computations of a word's probability may be apart. It changes by at most a quarter of the change of the scores,
/// which are below 20 and have an error of up to 16 ULP (2^-23 of the largest each).
pub const PROBABILITY: f64 = 16.0 * 20.0 * f32::EPSILON as f64 / 4.0;

/// Runs the lesson in the top folder of the workspace, on the CPU whatever the machine has.
pub fn text_rnn(args: &[&str]) -> Output {
    anywhere(args, Command::new(&*BINARY).env("CUDA_VISIBLE_DEVICES", ""))
}

/// Runs it on whatever `args` say.
pub fn on_any_device(args: &[&str]) -> Output {
    anywhere(args, &mut Command::new(&*BINARY))
}

fn anywhere(args: &[&str], command: &mut Command) -> Output {
    command.args(args).current_dir(workspace()).output().unwrap()
}

/// What a stream said.
pub fn text(stream: &[u8]) -> &str {
    std::str::from_utf8(stream).unwrap()
}

/// A trained model in `folder`.
pub fn trained(folder: &Path) -> String {
    let out = folder.to_str().unwrap();
    assert!(text_rnn(&["--quiet", "--threads", "1", "--out", out]).status.success());
    format!("{out}/model.pt")
}

/// libtorch's default generator is one per process: tests that draw from it take turns.
pub fn seeded(seed: i64) -> std::sync::MutexGuard<'static, ()> {
    static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    tch::manual_seed(seed);
    turn
}
