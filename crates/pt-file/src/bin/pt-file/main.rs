//! Lists the content of a checkpoint without loading its tensors, or reports why it is not safe to load.
#![forbid(unsafe_code)]

mod json;
mod table;

use std::io::{self, BufWriter, ErrorKind, Write};
use std::process::ExitCode;

use pt_file::Reader;

const USAGE: &str = "\
Lists the tensors and other values of PyTorch checkpoints (.pt).

Usage: pt-file [--json] FILE...

Does not read the elements of the tensors, so large files are fast too. Runs no code from a file.
Rejects a file that is damaged, malicious or not a checkpoint, and prints the reason.

  --json      print one JSON array per file, with an object per value
  -h, --help  print this help

Exit status: 0 all files were listed, 1 a file was rejected, 2 wrong usage";

fn main() -> ExitCode {
    let (flags, files): (Vec<String>, Vec<String>) = std::env::args().skip(1).partition(|arg| arg.starts_with('-'));
    if flags.iter().any(|flag| flag == "-h" || flag == "--help") {
        return exit_code(writeln!(io::stdout(), "{USAGE}"));
    }
    let unknown = flags.iter().find(|flag| *flag != "--json");
    if unknown.is_some() || files.is_empty() {
        let what = unknown.map_or("no file was given".to_owned(), |flag| format!("there is no option {flag}"));
        eprintln!("pt-file: {what}\n\n{USAGE}");
        return ExitCode::from(2);
    }
    let mut status = ExitCode::SUCCESS;
    for file in &files {
        let listed = match Reader::open(file) {
            Ok(reader) => exit_code(list(file, &reader, !flags.is_empty())),
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

fn reject(file: &str, error: &pt_file::Error) -> ExitCode {
    match error {
        pt_file::Error::File { .. } => eprintln!("pt-file: {error}"), // the message has the path
        _ => eprintln!("pt-file: {file}: {error}"),
    }
    ExitCode::FAILURE
}

/// A closed pipe, as in `pt-file x.pt | head`, is not a failure.
fn exit_code(result: io::Result<()>) -> ExitCode {
    match result {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            eprintln!("pt-file: cannot write: {error}");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}
