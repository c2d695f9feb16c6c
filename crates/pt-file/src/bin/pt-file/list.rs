//! The command that lists files.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use pt_file::Reader;

use crate::arguments::Options;
use crate::stats::Statistics;
use crate::{exit_code, json, message, print_error, table};

/// A list continues after a file that is rejected.
pub fn run(files: &[OsString], options: Options) -> ExitCode {
    let mut status = ExitCode::SUCCESS;
    for file in files {
        let listed = match open(file, options) {
            Ok((reader, statistics)) => {
                exit_code(list(&file.to_string_lossy(), &reader, statistics.as_deref(), options))
            }
            Err(error) => {
                print_error(message(file, &error));
                ExitCode::FAILURE
            }
        };
        if listed != ExitCode::SUCCESS {
            status = listed;
        }
    }
    status
}

/// The reader, and with `--stats` the statistics of its tensors, in order.
fn open(file: &OsString, options: Options) -> pt_file::Result<(Reader<File>, Option<Vec<Statistics>>)> {
    let mut reader = Reader::open(file)?;
    if !options.stats {
        return Ok((reader, None));
    }
    let tensors: Vec<_> = reader.value().leaves().iter().filter_map(|(_, leaf)| leaf.as_tensor().cloned()).collect();
    let statistics = tensors.iter().map(|tensor| Ok(Statistics::of(&reader.tensor(tensor)?)));
    let statistics = statistics.collect::<pt_file::Result<_>>()?;
    Ok((reader, Some(statistics)))
}

fn list(file: &str, reader: &Reader<File>, statistics: Option<&[Statistics]>, options: Options) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    if options.json {
        json::write(&mut out, reader.value(), statistics)?;
    } else {
        table::write(&mut out, file, reader.value(), statistics)?;
    }
    out.flush()
}
