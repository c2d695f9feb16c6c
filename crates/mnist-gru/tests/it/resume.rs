//! Ctrl-C within an epoch: the resumed run trains on the remaining batches, and ends with the same bits.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::BINARY;
use crate::support::home;

/// The lesson with 200 batches per epoch.
fn command(home: &Path, args: &str) -> Command {
    let mut command = Command::new(&*BINARY);
    let options = "--device cpu --threads 1 --data data --out run --batch-size 10 --hidden-size 32 --no-progress";
    command.args(options.split_whitespace()).args(args.split_whitespace());
    command.current_dir(home).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// Runs the lesson, and sends Ctrl-C when it has trained for `time`. Returns the last line on stderr and the exit code.
fn run(home: &Path, args: &str, time: Duration) -> (String, Option<i32>) {
    let mut child = command(home, args).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut text = String::new();
    while !text.contains("training digits") && stderr.read_line(&mut text).unwrap() > 0 {}
    let start = std::time::Instant::now();
    while start.elapsed() < time && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(5));
    }
    if child.try_wait().unwrap().is_none() {
        Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    }
    stderr.read_to_string(&mut text).unwrap();
    (text.lines().last().unwrap_or_default().to_owned(), child.wait().unwrap().code())
}

fn outcome(home: &Path) -> [Vec<u8>; 3] {
    ["metrics.jsonl", "model.pt", "best.pt"].map(|name| fs::read(home.join("run").join(name)).unwrap())
}

#[test]
fn a_run_interrupted_within_an_epoch_resumes_to_the_same_bits() {
    let home = home(2000, 50);
    let home = home.path();
    let long = Duration::from_secs(600);
    assert_eq!(run(home, "--seed 3", long).1, Some(0));
    let reference = outcome(home);

    let (mut within, mut resume) = (0, "--overwrite --seed 3");
    for pause in (0..).map(|n| Duration::from_millis(150 + 40 * (n % 5))) {
        let (last, code) = run(home, resume, pause);
        if home.join("run/summary.json").exists() {
            break;
        }
        assert_eq!(code, Some(130), "{last}");
        // Before and after training, a signal ends the process immediately and without a message.
        assert!(
            !last.starts_with("interrupted") || last.ends_with("run is saved, and --resume continues it"),
            "{last}"
        );
        within += usize::from(last.contains("batches"));
        resume = "--resume";
    }
    assert!(within > 0, "no interruption fell within an epoch");
    assert!(outcome(home) == reference, "the bits differ from those of an uninterrupted run");
}
