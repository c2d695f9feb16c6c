//! Exit codes, and the errors that have their own exit code.

use std::fmt;
use std::io::{self, Write};

/// Success.
pub const DONE: u8 = 0;
/// The program failed; the reason is on stderr.
pub const FAILED: u8 = 1;
/// The command line is wrong.
pub const USAGE: u8 = 2;
/// A comparison with the reference found a difference.
pub const COMPARISON_OFF: u8 = 3;
/// Ended by Ctrl-C or SIGTERM.
pub const INTERRUPTED: u8 = 130;

/// Ends the process without libtorch's static destructors. They can crash if CUDA is loaded or threads run inside libtorch. The
/// exit code of a finished run would then be that of a failure.
pub(crate) fn now(code: u8) -> ! {
    let _ = io::stdout().flush(); // a closed pipe cannot be reported anywhere
    let _ = io::stderr().flush();
    signal_hook::low_level::exit(code.into())
}

/// The run was ended by Ctrl-C or SIGTERM. The text describes what is saved.
#[derive(Debug)]
pub struct Interrupted(pub String);

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Interrupted {}

/// A wrong value on the command line that clap cannot detect. It ends the program with [`USAGE`].
#[derive(Debug)]
pub struct UsageError(pub String);

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

/// A comparison found differences; the text has their number.
#[derive(Debug)]
pub struct ComparisonOff(pub String);

impl fmt::Display for ComparisonOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ComparisonOff {}

/// The exit code of an error.
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
