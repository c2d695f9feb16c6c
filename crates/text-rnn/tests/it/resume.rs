//! `--resume` after SIGKILL: the same bits as an uninterrupted run.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::BINARY;

fn command(out: &Path, option: &str) -> Command {
    let mut command = Command::new(&*BINARY);
    command.args(["--quiet", "--device", "cpu", "--threads", "1", "--epochs", "2000", option, "--out"]).arg(out);
    command.stdout(Stdio::null());
    command
}

fn outcome(out: &Path) -> [Vec<u8>; 3] {
    ["metrics.jsonl", "model.pt", "best.pt"].map(|name| fs::read(out.join(name)).unwrap())
}

#[test]
fn a_killed_run_resumes_to_the_same_bits() {
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

/// PyTorch loads our checkpoint, trains to the end, and has the same weights.
#[test]
#[ignore = "needs Python's torch: scripts/setup.sh --full, then cargo test python -- --ignored"]
fn python_resumes_from_a_checkpoint_to_the_same_bits() {
    let folder = tempfile::tempdir().unwrap();
    for (name, epochs) in [("half", "250"), ("whole", "500")] {
        let status = command(&folder.path().join(name), "--overwrite").args(["--epochs", epochs]).status();
        assert!(status.unwrap().success());
    }
    let program = r#"
import os, sys
os.chdir("notebooks-ref")
import run, torch
from pathlib import Path
checkpoint, whole = (torch.load(f"{sys.argv[1]}/{name}.pt", weights_only=True) for name in ("half/checkpoint", "whole/model"))
cells = run.code_cells(Path("text_rnn.ipynb"))
namespace, _ = run.execute(cells, {"epochs": 250}, checkpoint["model"])
namespace["optimizer"].load_state_dict(checkpoint["optimizer"])
torch.set_rng_state(checkpoint["rng_state"])
[training] = [source for source, tags in cells if "training" in tags]
exec(training, namespace)
ours = namespace["model"].state_dict()
assert list(ours) == list(whole) and ours._metadata == whole._metadata
assert all(torch.equal(ours[name], whole[name]) for name in ours)
"#;
    test_support::run_python(program, &[folder.path().to_str().unwrap()]);
}
