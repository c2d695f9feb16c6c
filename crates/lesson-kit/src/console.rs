//! What a run says, and where: results to stdout, everything else to stderr.

use std::fmt::Display;
use std::io::{self, Write};

use anyhow::{Context, Result};

use crate::args::TrainArgs;
use crate::processes;
use crate::progress::Progress;

/// Prints `line` on stdout. A closed pipe (`| head`) is no error.
///
/// # Errors
/// If stdout cannot take it for any other reason, a full disk for example.
pub fn print_result(line: impl Display) -> Result<()> {
    match writeln!(io::stdout(), "{line}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to stdout"),
    }
}

/// The two streams of a run, as the arguments want them.
#[derive(Debug)]
pub struct Console {
    json: bool,
    /// Neither results nor the summary go to stdout.
    silent: bool,
    quiet: bool,
    verbose: bool,
    progress: Progress,
}

impl Console {
    /// A console for a run of `epochs` epochs.
    pub fn new(args: &TrainArgs, epochs: u32) -> Console {
        let first = processes::is_first();
        let progress = Progress::new(first && !(args.quiet || args.no_progress), epochs);
        let (silent, quiet) = (args.compared || !first, args.quiet || !first);
        Console { json: args.json, silent, quiet, verbose: args.verbose, progress }
    }

    /// The progress display.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// A line of results for people: stdout, unless stdout is for the JSON summary.
    ///
    /// # Errors
    /// See [`print_result`].
    pub fn say(&self, line: impl Display) -> Result<()> {
        if self.json || self.silent { Ok(()) } else { self.progress.suspend(|| print_result(line)) }
    }

    /// The summary: stdout with `--json`, and nowhere without.
    ///
    /// # Errors
    /// See [`print_result`].
    pub fn json(&self, object: impl Display) -> Result<()> {
        if self.json && !self.silent { self.progress.suspend(|| print_result(object)) } else { Ok(()) }
    }

    /// A message about the run: stderr, unless `--quiet`.
    pub fn note(&self, line: impl Display) {
        if !self.quiet {
            self.progress.suspend(|| eprintln!("{line}"));
        }
    }

    /// A message for those who asked for more: stderr with `--verbose`.
    pub fn detail(&self, line: impl Display) {
        if self.verbose {
            self.note(line);
        }
    }
}
