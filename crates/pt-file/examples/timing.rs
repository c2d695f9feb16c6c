//! Writes and reads a state dict of 512 MB, alternately with pt-file and with Python's torch, and prints median times.
//!
//! ```text
//! cargo run --release -p pt-file --example timing [ROUNDS] [FOLDER]
//! ```
#![allow(clippy::unwrap_used)] // any error ends the measurement

use std::fs::File;
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use pt_file::{Tensor, Value, load_file, save, save_file};

/// Fifty matrices of 10 MB.
fn state_dict() -> Value {
    let elements: Vec<f32> = (0..1600 * 1600).map(|index| (index as f32).sin()).collect();
    Value::state_dict(
        (0..50).map(|layer| (format!("layers.{layer}.weight"), Tensor::from_slice(&elements, &[1600, 1600]).unwrap())),
    )
}

/// Does one operation with pt-file and returns the seconds.
type Measurement<'a> = Box<dyn FnMut() -> f64 + 'a>;

/// The seconds of one call. The time to drop its result does not count.
fn seconds<T>(run: impl FnOnce() -> T) -> f64 {
    let start = Instant::now();
    let result = run();
    let seconds = start.elapsed().as_secs_f64();
    drop(result);
    seconds
}

/// A Python process with torch. It executes commands and answers each with its seconds.
struct Python {
    process: Child,
    commands: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Python {
    fn start(folder: &Path) -> Python {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut command = Command::new(here.join("../../.venv/bin/python"));
        command.arg(here.join("examples/timing.py")).arg(folder);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (commands, answers) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        Python { process, commands, answers: BufReader::new(answers).lines() }
    }

    fn seconds(&mut self, command: &str) -> f64 {
        writeln!(self.commands, "{command}").unwrap();
        self.answers.next().unwrap().unwrap().parse().unwrap()
    }
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let rounds: usize = arguments.next().map_or(9, |rounds| rounds.parse().unwrap());
    let parent = arguments.next().map_or(std::env::temp_dir(), PathBuf::from);
    let folder = tempfile::tempdir_in(parent).unwrap();
    let (ours, theirs) = (folder.path().join("ours.pt"), folder.path().join("theirs.pt"));
    let value = state_dict();
    save_file(&ours, &value).unwrap();
    let mut python = Python::start(folder.path());
    python.seconds("save"); // creates the file that the reading commands need

    let comparisons: [(&str, &str, Measurement<'_>); 5] = [
        ("write", "save", Box::new(|| seconds(|| save(File::create(&ours).unwrap(), &value).unwrap()))),
        ("write and fsync", "save and fsync", Box::new(|| seconds(|| save_file(&ours, &value).unwrap()))),
        ("read ours", "load ours", Box::new(|| seconds(|| load_file(&ours).unwrap()))),
        ("read theirs", "load", Box::new(|| seconds(|| load_file(&theirs).unwrap()))),
        ("list", "load mmap", Box::new(|| seconds(|| pt_file::Reader::open(&theirs).unwrap()))),
    ];
    println!("{:<16} {:>10} {:>10}", "seconds", "pt-file", "torch");
    for (what, command, mut ours) in comparisons {
        let pairs: Vec<(f64, f64)> = (0..rounds).map(|_| (ours(), python.seconds(command))).collect();
        let (ours, theirs): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        let (ours, theirs) = (median(ours), median(theirs));
        println!("{what:<16} {ours:>10.4} {theirs:>10.4}  {:.2} times torch's", ours / theirs);
    }
    drop(python.commands);
    python.process.wait().unwrap();
}
