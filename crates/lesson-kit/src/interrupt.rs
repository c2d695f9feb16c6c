//! Ctrl-C, SIGTERM and SIGHUP (the terminal was closed): the first signal during training requests a graceful stop, every other
//! signal ends the process at once.
//!
//! The process is ended by `_exit`: a normal exit runs libtorch's static destructors while other threads are inside libtorch,
//! which often crashes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::{fs, io};

use anyhow::{Context, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;

use crate::exit;

/// Read and set by the signal handlers.
struct Flags {
    /// The next signal ends the process.
    exit_on_signal: Arc<AtomicBool>,
    /// A signal arrived during training.
    signalled: Arc<AtomicBool>,
}

/// Signal handlers are global to a process. Empty until [`install`]; `None` if they could not be installed.
static FLAGS: OnceLock<Option<Flags>> = OnceLock::new();

/// Installs the handlers, once per process.
pub fn install() -> Result<()> {
    let installed = FLAGS.get_or_init(|| register().ok());
    installed.as_ref().map(|_| ()).context("cannot install the signal handlers for Ctrl-C and SIGTERM")
}

fn register() -> io::Result<Flags> {
    let flags = Flags { exit_on_signal: Arc::new(AtomicBool::new(true)), signalled: Arc::default() };
    for signal in [SIGINT, SIGTERM].into_iter().chain((!is_ignored(SIGHUP)).then_some(SIGHUP)) {
        // Handlers run in this order: the first signal during training sets `exit_on_signal` for the second one.
        flag::register_conditional_shutdown(signal, exit::INTERRUPTED.into(), Arc::clone(&flags.exit_on_signal))?;
        flag::register(signal, Arc::clone(&flags.exit_on_signal))?;
        flag::register(signal, Arc::clone(&flags.signalled))?;
    }
    // At the limit of a file's size (`ulimit -f`) a write then fails with an error, and the process does not end.
    flag::register(SIGXFSZ, Arc::default())?;
    Ok(flags)
}

/// Whether the signal was ignored when the process started: `nohup` ignores SIGHUP, and this must stay so. Only Linux has the file.
fn is_ignored(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask >> (signal - 1) & 1 == 1
}

/// Called when the training loop begins: from now on the first signal does not end the process.
pub fn training_begins() {
    set_exit_on_signal(false);
}

/// Called when the trained model is saved: from now on a signal ends the process at once.
pub fn training_ends() {
    set_exit_on_signal(true);
}

fn set_exit_on_signal(exit: bool) {
    if let Some(Some(flags)) = FLAGS.get() {
        flags.exit_on_signal.store(exit, Ordering::SeqCst);
    }
}

/// Whether this process received a signal during training.
pub fn signalled() -> bool {
    matches!(FLAGS.get(), Some(Some(flags)) if flags.signalled.load(Ordering::SeqCst))
}
