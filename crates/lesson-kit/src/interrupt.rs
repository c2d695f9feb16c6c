//! Ctrl-C and SIGTERM: the first one during training asks for an orderly end, any other ends the process at once.
//!
//! "At once" is `_exit`: an ordinary exit runs libtorch's destructors while other threads are inside libtorch, and about
//! every second such end is a segmentation fault.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result, anyhow};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::exit;

/// What the signal handlers read and set.
struct Flags {
    /// The next signal ends the process.
    deadly: Arc<AtomicBool>,
    /// A signal has come during training.
    requested: Arc<AtomicBool>,
}

/// Empty until [`install`], which leaves `None` if the system refuses.
static FLAGS: OnceLock<Option<Flags>> = OnceLock::new();

/// Installs the handlers; once per process, further calls do nothing.
///
/// # Errors
/// If the operating system refuses them.
pub fn install() -> Result<()> {
    let installed = FLAGS.get_or_init(|| register().ok());
    installed.as_ref().map(|_| ()).ok_or_else(|| anyhow!("the system refuses a signal handler")).context("Ctrl-C")
}

fn register() -> io::Result<Flags> {
    let flags = Flags { deadly: Arc::new(AtomicBool::new(true)), requested: Arc::default() };
    for signal in [SIGINT, SIGTERM] {
        // They run in this order: a signal that finds `deadly` unset sets it for the next one.
        flag::register_conditional_shutdown(signal, exit::INTERRUPTED.into(), Arc::clone(&flags.deadly))?;
        flag::register(signal, Arc::clone(&flags.deadly))?;
        flag::register(signal, Arc::clone(&flags.requested))?;
    }
    Ok(flags)
}

/// Marks the beginning of a training loop, from which on the first signal is held back.
pub fn training_begins() {
    set_deadly(false);
}

/// Marks the end of training and of what it saves; a signal ends the process at once again.
pub fn training_is_over() {
    set_deadly(true);
}

fn set_deadly(deadly: bool) {
    if let Some(Some(flags)) = FLAGS.get() {
        flags.deadly.store(deadly, Ordering::SeqCst);
    }
}

/// What the processes of a group have agreed on.
static AGREED: AtomicU8 = AtomicU8::new(ALONE);
const ALONE: u8 = 0;
const GO_ON: u8 = 1;
const STOP: u8 = 2;

/// This process is one of several, which all go on or all `stop`: from here on [`requested`] says what they agreed on last.
pub fn agree(stop: bool) {
    AGREED.store(if stop { STOP } else { GO_ON }, Ordering::SeqCst);
}

/// Whether the training loop should end at its next boundary.
pub fn requested() -> bool {
    match AGREED.load(Ordering::SeqCst) {
        ALONE => signalled(),
        agreed => agreed == STOP,
    }
}

/// Whether a signal has come to this process during training.
pub fn signalled() -> bool {
    matches!(FLAGS.get(), Some(Some(flags)) if flags.requested.load(Ordering::SeqCst))
}
