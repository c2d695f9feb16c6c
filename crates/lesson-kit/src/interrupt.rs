//! Ctrl-C and SIGTERM: the first one during training asks for an orderly end, any other ends the process at once.

use std::io::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

use anyhow::{Context, Result, anyhow};

use crate::exit;

/// Nothing is being trained: there is nothing to save, an interruption ends the process.
const IDLE: u8 = 0;
/// A training loop runs: an interruption lets it come to its next boundary.
const TRAINING: u8 = 1;
/// An interruption has come; the run is being brought to its end.
const STOPPING: u8 = 2;

static STATE: AtomicU8 = AtomicU8::new(IDLE);

/// Installs the handler; once per process, further calls do nothing.
///
/// # Errors
/// If the operating system refuses the handler.
pub fn install() -> Result<()> {
    static INSTALLED: OnceLock<std::result::Result<(), String>> = OnceLock::new();
    let installed = INSTALLED.get_or_init(|| ctrlc::set_handler(on_signal).map_err(|error| error.to_string()));
    installed.clone().map_err(|reason| anyhow!(reason)).context("cannot catch Ctrl-C")
}

/// Marks the beginning of a training loop, from which on the first interruption is held back.
pub fn training_begins() {
    STATE.store(TRAINING, Ordering::SeqCst);
}

/// Marks the end of training and what it saves; an interruption ends the process at once again.
pub fn training_is_over() {
    STATE.store(IDLE, Ordering::SeqCst);
}

/// Whether the training loop should end at its next boundary.
pub fn requested() -> bool {
    STATE.load(Ordering::SeqCst) == STOPPING
}

/// Runs on ctrlc's own thread, so that it may print.
fn on_signal() {
    if STATE.compare_exchange(TRAINING, STOPPING, Ordering::SeqCst, Ordering::SeqCst).is_ok() {
        let _ = writeln!(std::io::stderr(), "\ninterrupted: ending at the next boundary; Ctrl-C again ends at once");
    } else {
        std::process::exit(exit::INTERRUPTED.into());
    }
}
