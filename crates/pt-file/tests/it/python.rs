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
