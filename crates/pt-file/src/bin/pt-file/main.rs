//! Lists, converts and compares checkpoints, or reports why a file is not safe to load.
#![forbid(unsafe_code)]

mod arguments;
mod convert;
mod diff;
mod json;
mod list;
mod stats;
mod table;

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use arguments::Command;
use pt_file::escape_lines;

fn main() -> ExitCode {
    match arguments::parse(std::env::args_os().skip(1)) {
        Ok(Command::Help) => exit_code(writeln!(io::stdout(), "{}", arguments::USAGE)),
        Ok(Command::List { files, options }) => list::run(&files, options),
        Ok(Command::Convert { from, to, at }) => convert::run(&from, &to, &at),
        Ok(Command::Diff { first, second }) => diff::run(&first, &second),
        Err(what) => {
            print_error(format_args!("{what}\n\n{}", arguments::USAGE));
            ExitCode::from(2)
        }
    }
}

/// The message of an error about a file.
fn message(file: &std::ffi::OsStr, error: &pt_file::Error) -> String {
    match error {
        pt_file::Error::File { .. } => error.to_string(), // it has the path
        _ => format!("{}: {error}", file.display()),
    }
}

/// Prints a message on stderr. A failure, for example a full disk, cannot be reported anywhere.
fn print_error(message: impl Display) {
    let line = format!("pt-file: {message}\n");
    let _ = io::stderr().write_all(escape_lines(&line).as_bytes());
}

/// A closed pipe, as in `pt-file x.pt | head`, is not a failure.
fn exit_code(result: io::Result<()>) -> ExitCode {
    match result {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            print_error(format_args!("cannot write: {error}"));
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}
