//! Output: results go to stdout, everything else to stderr.

use std::fmt::Display;
use std::io::{self, Write};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::RunArgs;
use crate::progress::Progress;

/// Prints `line` on stdout. A closed pipe (`| head`) is not an error.
///
/// # Errors
/// If stdout cannot be written for another reason, for example a full disk.
pub fn print_result(line: impl Display) -> Result<()> {
    match writeln!(io::stdout(), "{line}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to stdout"),
    }
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
        }
    }

    /// The progress display.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Prints a line of results on stdout; dropped with `--json`.
    pub fn print(&self, line: impl Display) -> Result<()> {
        if self.json || self.silent { Ok(()) } else { self.progress.suspend(|| print_result(line)) }
    }

    /// With `--json`: prints the object on stdout.
    pub fn print_json(&self, object: &impl Serialize) -> Result<()> {
        if !self.json || self.silent {
            return Ok(());
        }
        let text = serde_json::to_string(object).context("the results as JSON")?;
        self.progress.suspend(|| print_result(text))
    }

    /// Prints a message on stderr, unless `--quiet`.
    pub fn note(&self, line: impl Display) {
        if !self.quiet {
            self.progress.suspend(|| eprintln!("{line}"));
        }
    }

    /// Prints a message on stderr with `--verbose`.
    pub fn detail(&self, line: impl Display) {
        if self.verbose {
            self.note(line);
        }
    }
}
