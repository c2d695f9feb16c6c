//! Runs a lesson as a process group on one machine, without Python.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::output::text;

/// Starts `world` processes of the lesson `binary` in the folder `home`, with the environment that torchrun sets. Spaces
/// separate the options.
///
/// # Panics
/// If a process cannot be started.
#[track_caller]
pub fn start_processes(binary: &str, home: &Path, world: usize, options: &str) -> Vec<Child> {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let start = |rank: usize| {
        let numbers = [("RANK", rank), ("LOCAL_RANK", rank), ("WORLD_SIZE", world), ("LOCAL_WORLD_SIZE", world)];
        Command::new(binary)
            .args(options.split_whitespace())
            .args(["--device", "cpu", "--no-progress", "--no-plots"])
            .envs(numbers.map(|(name, number)| (name, number.to_string())))
            .envs([("MASTER_ADDR", "127.0.0.1"), ("MASTER_PORT", &port.to_string())])
            .envs([("OMP_NUM_THREADS", "1"), ("TORCH_CPP_LOG_LEVEL", "ERROR")])
            .current_dir(home)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    (0..world).map(start).collect()
}

/// Runs such processes to their end. Returns stdout and stderr of each.
///
/// # Panics
/// If a process fails.
#[track_caller]
pub fn run_processes(binary: &str, home: &Path, world: usize, options: &str) -> Vec<[String; 2]> {
    let finish = |process: Child| {
        let output = process.wait_with_output().unwrap();
        let streams = [&output.stdout, &output.stderr].map(|stream| text(stream).to_owned());
        assert!(output.status.success(), "{options}: {streams:?}");
        streams
    };
    start_processes(binary, home, world, options).into_iter().map(finish).collect()
}
