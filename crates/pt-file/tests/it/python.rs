//! PyTorch reads our files, and we read PyTorch's files.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use pt_file::{Tensor, Value, load_file, save_file};

use crate::samples::{checkpoint, dtypes, shared, state_dict, values, write_large};
use crate::workspace::workspace;

/// The Python script checks our files and writes its own. After we have read and rewritten these, it checks the result.
/// It is one process, because `import torch` is slow.
#[test]
#[ignore = "needs Python's torch: scripts/setup.sh --full, then cargo test python -- --ignored"]
fn python_reads_our_files_and_we_read_its_files() {
    let folder = tempfile::tempdir().unwrap();
    write_samples(folder.path());
    let script = workspace().join("crates/pt-file/tests/it/exchange.py");
    let child = Command::new(workspace().join(".venv/bin/python"))
        .arg(script)
        .arg(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = child.unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    if next_line(&mut lines) == "written" {
        rewrite(&folder.path().join("python"), &folder.path().join("again"));
        writeln!(child.stdin.take().unwrap(), "rewritten").unwrap();
        assert_eq!(next_line(&mut lines), "all checks passed");
    }
    finish(child, lines);
}

fn next_line(lines: &mut impl BufRead) -> String {
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

fn finish(mut child: Child, mut rest: impl Read) {
    let mut output = String::new();
    rest.read_to_string(&mut output).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "{output}");
}

/// Reads each file in `from` and writes its value to `to`.
fn rewrite(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        let value = load_file(file.path()).unwrap_or_else(|error| unreachable!("{:?}: {error}", file.file_name()));
        save_file(to.join(file.file_name()), &value).unwrap();
    }
}

fn write_samples(folder: &Path) {
    let samples = [
        ("values", values()),
        ("dtypes", dtypes()),
        ("shared", shared()),
        ("state_dict", state_dict()),
        ("checkpoint", checkpoint()),
        ("many", Value::list((0..66_000).map(Tensor::scalar::<i32>))),
    ];
    for (name, value) in samples {
        save_file(folder.join(format!("{name}.pt")), &value).unwrap();
    }
    write_large(&folder.join("large.pt"));
}

/// Each message about another format names the Python call that converts it. The script makes the files, and then makes
/// these calls.
#[test]
#[ignore = "needs Python's torch: scripts/setup.sh --full, then cargo test python -- --ignored"]
fn pythons_remedies_in_the_messages_work() {
    const MAKE: &str = r#"
import sys, numpy, torch
folder = sys.argv[1]
numpy.savez(folder + "/a.npz", x=numpy.arange(3.0))
numpy.save(folder + "/a.npy", numpy.arange(3.0))
torch.export.save(torch.export.export(torch.nn.Linear(3, 2), (torch.ones(1, 3),)), folder + "/a.pt2")
"#;
    const REMEDY: &str = r#"
import sys, numpy, torch
folder = sys.argv[1]
torch.save({name: torch.from_numpy(x) for name, x in numpy.load(folder + "/a.npz").items()}, folder + "/a.npz.pt")
torch.save(torch.from_numpy(numpy.load(folder + "/a.npy")), folder + "/a.npy.pt")
torch.save(torch.export.load(folder + "/a.pt2").state_dict, folder + "/a.pt2.pt")
"#;
    let folder = tempfile::tempdir().unwrap();
    let folder_name = folder.path().to_str().unwrap();
    run_python(MAKE, &[folder_name]);
    for (file, remedy) in [
        ("a.npz", "read it with numpy.load, and save torch.from_numpy(x) with torch.save"),
        ("a.npy", "read it with numpy.load, and save torch.from_numpy(x) with torch.save"),
        ("a.pt2", "save torch.export.load(path).state_dict with torch.save"),
    ] {
        let error = load_file(folder.path().join(file)).unwrap_err().to_string();
        assert!(error.contains(remedy), "{file}: {error}");
    }
    run_python(REMEDY, &[folder_name]);
    for file in ["a.npz.pt", "a.npy.pt", "a.pt2.pt"] {
        load_file(folder.path().join(file)).unwrap();
    }
}

/// Runs a Python program that has torch.
fn run_python(program: &str, args: &[&str]) {
    let output = Command::new(workspace().join(".venv/bin/python")).args(["-c", program]).args(args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
