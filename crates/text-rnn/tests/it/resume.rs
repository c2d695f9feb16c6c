//! `--resume` after SIGKILL: the same bits as without.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::BINARY;

fn command(out: &Path, option: &str) -> Command {
    let mut command = Command::new(BINARY);
    command.args(["--quiet", "--device", "cpu", "--threads", "1", "--epochs", "2000", option, "--out"]).arg(out);
    command.stdout(Stdio::null());
    command
}

fn outcome(out: &Path) -> [Vec<u8>; 3] {
    ["metrics.jsonl", "model.pt", "best.pt"].map(|name| fs::read(out.join(name)).unwrap())
}

#[test]
fn a_killed_run_goes_on_to_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    let [reference, out] = ["reference", "out"].map(|name| folder.path().join(name));
    assert!(command(&reference, "--overwrite").status().unwrap().success());

    for pause in [1, 20, 60] {
        let mut child = command(&out, "--overwrite").spawn().unwrap();
        while !out.join("checkpoint.pt").exists() {
            assert!(child.try_wait().unwrap().is_none(), "it ended without a checkpoint");
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(pause));
        child.kill().unwrap();
        child.wait().unwrap();
        if !out.join("summary.json").exists() {
            assert!(command(&out, "--resume").status().unwrap().success());
        }
        assert!(outcome(&out) == outcome(&reference), "killed after {pause} ms");
        fs::remove_dir_all(&out).unwrap();
    }
}
