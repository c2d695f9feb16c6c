//! Output: results go to stdout, everything else to stderr. The only file that writes to them, besides the progress display.
//!
//! Control characters are escaped here, whatever their source: text from a stranger's file cannot control the terminal.

use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::io::{self, Write};

use anyhow::{Context, Error, Result};
use pt_file::escape_lines;
use serde::Serialize;

use crate::RunArgs;
use crate::progress::Progress;

/// Prints `line` on stdout. A closed pipe (`| head`) is not an error.
///
/// # Errors
/// If stdout cannot be written for another reason, for example a full disk.
pub fn print_result(line: impl Display) -> Result<()> {
    match io::stdout().write_all(safe_line(line).as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to stdout"),
    }
}

/// Prints `line` on stderr. A failure is ignored: a lost message must not end a run, and cannot be reported anywhere.
pub(crate) fn print_message(line: impl Display) {
    let _ = io::stderr().write_all(safe_line(line).as_bytes());
}

/// The line with its line break, as one text: stderr is not buffered. JSON stays valid, because the escapes are those of JSON.
fn safe_line(line: impl Display) -> String {
    escape_lines(&format!("{line}\n")).into_owned()
}

/// The output of one command, according to its options.
#[derive(Debug)]
pub(crate) struct Console {
    json: bool,
    /// Nothing goes to stdout.
    silent: bool,
    quiet: bool,
    verbose: bool,
    progress: Progress,
    /// Whether a failure to write stdout is kept in `stdout_error` instead of returned.
    defers_stdout_errors: Cell<bool>,
    stdout_error: RefCell<Option<Error>>,
}

impl Console {
    /// Only rank 0 prints. A run that is `compared` prints no results.
    pub fn new(args: &RunArgs, rank_zero: bool, compared: bool) -> Console {
        Console {
            json: args.json,
            silent: compared || !rank_zero,
            quiet: args.quiet || !rank_zero,
            verbose: args.verbose,
            progress: Progress::new(rank_zero && !(args.quiet || args.no_progress)),
            defers_stdout_errors: Cell::default(),
            stdout_error: RefCell::default(),
        }
    }

    /// The progress display.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Prints a line of results on stdout; dropped with `--json`.
    pub fn print(&self, line: impl Display) -> Result<()> {
        if self.json { Ok(()) } else { self.write(line) }
    }

    /// With `--json`: prints the object on stdout.
    pub fn print_json(&self, object: &impl Serialize) -> Result<()> {
        if self.json { self.write(serde_json::to_string(object).context("the results as JSON")?) } else { Ok(()) }
    }

    fn write(&self, line: impl Display) -> Result<()> {
        if self.silent || self.stdout_error.borrow().is_some() {
            return Ok(());
        }
        match self.progress.suspend(|| print_result(line)) {
            Err(error) if self.defers_stdout_errors.get() => {
                self.note(format_args!("{error:#}; the run continues without printing its results"));
                self.stdout_error.replace(Some(error));
                Ok(())
            }
            written => written,
        }
    }

    /// From now on a failure to write stdout does not end the command: [`Console::take_stdout_error`] returns it. A run would
    /// lose its epoch.
    pub fn defer_stdout_errors(&self) {
        self.defers_stdout_errors.set(true);
    }

    /// The first failure to write stdout since [`Console::defer_stdout_errors`].
    pub fn take_stdout_error(&self) -> Option<Error> {
        self.stdout_error.take()
    }

    /// Prints a message on stderr, unless `--quiet`.
    pub fn note(&self, line: impl Display) {
        if !self.quiet {
            self.progress.suspend(|| print_message(line));
        }
    }

    /// Prints a message on stderr with `--verbose`.
    pub fn detail(&self, line: impl Display) {
        if self.verbose {
            self.note(line);
        }
    }
}
