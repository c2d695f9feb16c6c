//! Exit codes, and the errors that are not failures of the program.

use std::fmt;
use std::io::{self, Write};

/// All done.
pub const DONE: u8 = 0;
/// The program failed; stderr says why.
pub const FAILED: u8 = 1;
/// The command line cannot be used.
pub const USAGE: u8 = 2;
/// A comparison with the reference is off.
pub const COMPARISON_OFF: u8 = 3;
/// Ended by Ctrl-C or SIGTERM.
pub const INTERRUPTED: u8 = 130;

/// Ends the process without running libtorch's static destructors: with CUDA loaded or with threads running inside libtorch they
/// can crash, which would turn a finished run into a failure.
pub(crate) fn now(code: u8) -> ! {
    let _ = io::stdout().flush(); // a closed pipe cannot be reported anywhere
    let _ = io::stderr().flush();
    signal_hook::low_level::exit(code.into())
}

/// The run was ended by Ctrl-C; the text says what is kept.
#[derive(Debug)]
pub struct Interrupted(pub String);

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Interrupted {}

/// A value on the command line that only the lesson could judge.
///
/// Return it as `Err(UsageError(..).into())`; it ends the program with [`USAGE`].
#[derive(Debug)]
pub struct UsageError(pub String);

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

/// A comparison found a difference; the text counts them.
#[derive(Debug)]
pub struct ComparisonOff(pub String);

impl fmt::Display for ComparisonOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ComparisonOff {}

/// The exit code that belongs to an error.
pub fn code(error: &anyhow::Error) -> u8 {
    if error.is::<Interrupted>() {
        INTERRUPTED
    } else if error.is::<UsageError>() {
        USAGE
    } else if error.is::<ComparisonOff>() {
        COMPARISON_OFF
    } else {
        FAILED
    }
}
