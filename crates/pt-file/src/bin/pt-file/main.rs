//! Lists the content of a checkpoint without loading its tensors, or reports why it is not safe to load.
#![forbid(unsafe_code)]

mod json;
mod table;

use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::process::ExitCode;

use pt_file::{Reader, escape_lines};

const USAGE: &str = "\
Lists the tensors and other values of PyTorch checkpoints (.pt).

Usage: pt-file [--json] FILE...

Does not read the elements of the tensors, so large files are fast too. Runs no code from a file.
Rejects a file that is damaged, malicious or not a checkpoint, and prints the reason.

  --json      print one JSON array per file, with an object per value
  -h, --help  print this help

Exit status: 0 all files were listed, 1 a file was rejected, 2 wrong usage";

fn main() -> ExitCode {
    let arguments = std::env::args_os().skip(1);
    let (flags, files): (Vec<OsString>, Vec<OsString>) =
        arguments.partition(|argument| argument.as_encoded_bytes().starts_with(b"-"));
    if flags.iter().any(|flag| flag == "-h" || flag == "--help") {
        return exit_code(writeln!(io::stdout(), "{USAGE}"));
    }
    let unknown = flags.iter().find(|flag| *flag != "--json");
    if unknown.is_some() || files.is_empty() {
        let what =
            unknown.map_or("no file was given".to_owned(), |flag| format!("there is no option {}", flag.display()));
        print_error(format_args!("{what}\n\n{USAGE}"));
        return ExitCode::from(2);
    }
    let mut status = ExitCode::SUCCESS;
    for file in &files {
        let listed = match Reader::open(file) {
            Ok(reader) => exit_code(list(&file.to_string_lossy(), &reader, !flags.is_empty())),
            Err(error) => reject(file, &error),
        };
        if listed != ExitCode::SUCCESS {
            status = listed;
        }
    }
    status
}

fn list<R: io::Read + io::Seek>(file: &str, reader: &Reader<R>, as_json: bool) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    if as_json {
        json::write(&mut out, reader.value())?;
    } else {
        table::write(&mut out, file, reader.value())?;
    }
    out.flush()
}

fn reject(file: &OsStr, error: &pt_file::Error) -> ExitCode {
    match error {
        pt_file::Error::File { .. } => print_error(error), // the message has the path
        _ => print_error(format_args!("{}: {error}", file.display())),
    }
    ExitCode::FAILURE
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
