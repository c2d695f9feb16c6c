//! Says what is in a checkpoint, without loading it, or why it should not be loaded.
#![forbid(unsafe_code)]

mod json;
mod table;

use std::io::{self, BufWriter, ErrorKind, Write};
use std::process::ExitCode;

use pt_file::Reader;

const USAGE: &str = "\
Lists the tensors and other values of PyTorch checkpoints (.pt).

Usage: pt-file [--json] FILE...

Reads the directory of the file, not the tensors, so that size does not matter, and runs nothing.
A file that is damaged, hostile or no checkpoint is refused with the reason.

  --json      one JSON array per file, an object per value
  -h, --help  this text

Exit status: 0 all listed, 1 a file was refused, 2 wrong usage";

fn main() -> ExitCode {
    let (flags, files): (Vec<String>, Vec<String>) = std::env::args().skip(1).partition(|arg| arg.starts_with('-'));
    if flags.iter().any(|flag| flag == "-h" || flag == "--help") {
        return said(writeln!(io::stdout(), "{USAGE}"));
    }
    let unknown = flags.iter().find(|flag| *flag != "--json");
    if unknown.is_some() || files.is_empty() {
        let what = unknown.map_or("no file was named".to_owned(), |flag| format!("there is no option {flag}"));
        eprintln!("pt-file: {what}\n\n{USAGE}");
        return ExitCode::from(2);
    }
    let mut status = ExitCode::SUCCESS;
    for file in &files {
        let listed = match Reader::open(file) {
            Ok(reader) => said(list(file, &reader, !flags.is_empty())),
            Err(error) => refused(file, &error),
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

fn refused(file: &str, error: &pt_file::Error) -> ExitCode {
    match error {
        pt_file::Error::File { .. } => eprintln!("pt-file: {error}"), // which names the file
        _ => eprintln!("pt-file: {file}: {error}"),
    }
    ExitCode::FAILURE
}

/// A reader of the output that has seen enough (`pt-file x.pt | head`) is no failure.
fn said(result: io::Result<()>) -> ExitCode {
    match result {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            eprintln!("pt-file: cannot write: {error}");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}
