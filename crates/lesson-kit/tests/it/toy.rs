//! Runs the program `examples/toy.rs` as a process, in a temporary folder.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// The program and its working directory.
pub struct Toy {
    pub home: tempfile::TempDir,
}

impl Toy {
    pub fn new() -> Toy {
        Toy { home: tempfile::tempdir().unwrap() }
    }

    pub fn command(&self, arguments: &str) -> Command {
        // `cargo test` writes test binaries to target/PROFILE/deps, and examples to target/PROFILE/examples.
        let program = std::env::current_exe().unwrap().ancestors().nth(2).unwrap().join("examples/toy");
        assert!(program.exists(), "{} is missing: cargo test without --test builds it", program.display());
        let mut command = Command::new(program);
        command.args(arguments.split_whitespace()).current_dir(self.home.path());
        command.env_remove("LD_LIBRARY_PATH").env_remove("RUST_BACKTRACE");
        command
    }

    /// Runs the program to its end. Returns exit code, stdout and stderr.
    pub fn run(&self, arguments: &str) -> (i32, String, String) {
        let Output { status, stdout, stderr } = self.command(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (status.code().unwrap_or(-1), text(stdout), text(stderr))
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.home.path().join("models/toy").join(name)
    }

    pub fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&fs::read(self.file(name)).unwrap()).unwrap()
    }

    /// The names of all files except the lock.
    pub fn files(&self) -> Vec<String> {
        let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        let mut names: Vec<String> = fs::read_dir(self.file("")).unwrap().map(name).collect();
        names.retain(|name| name != ".lock"); // it is always there
        names.sort();
        names
    }

    pub fn losses(&self) -> Vec<f32> {
        let text = fs::read_to_string(self.file("metrics.jsonl")).unwrap();
        let loss = |line: &str| serde_json::from_str::<Value>(line).unwrap()["loss"].as_f64().unwrap() as f32;
        text.lines().map(loss).collect()
    }
}

/// Sends a signal, for example `-INT`.
#[cfg(unix)]
fn signal(name: &str, process: u32) {
    assert!(Command::new("kill").args([name, &process.to_string()]).status().unwrap().success());
}

/// Starts a long run, sends it these signals after its first epoch, and waits for its end. Returns exit code and
/// stderr.
#[cfg(unix)]
pub fn interrupt(toy: &Toy, arguments: &str, signals: &[&str]) -> (Option<i32>, String) {
    let program = toy.command(arguments);
    // The tests may run under `nohup`, which ignores SIGHUP in all processes that it starts.
    let mut command = Command::new("env");
    if cfg!(target_os = "linux") {
        command.arg("--default-signal=HUP");
    }
    command.arg(program.get_program()).args(program.get_args()).current_dir(toy.home.path());
    let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut text = String::new();
    while !text.contains("epoch 1/") {
        assert!(stderr.read_line(&mut text).unwrap() > 0, "ended early: {text}");
    }
    for name in signals {
        signal(name, child.id());
    }
    std::io::Read::read_to_string(&mut stderr, &mut text).unwrap();
    (child.wait().unwrap().code(), text)
}
