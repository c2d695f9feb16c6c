//! PyTorch itself reads what we write: `check_written.py`, in one process since `import torch` takes its time.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use pt_file::{DType, Tensor, Value, save_file};

use crate::samples::{checkpoint, counting, dtypes, shared, state_dict, values};

/// The exit status by which the script says that there is no torch.
const NO_TORCH: i32 = 77;

#[test]
fn torch_reads_every_sample() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let python = root.join(".venv/bin/python");
    if !python.exists() {
        return skip();
    }
    let folder = tempfile::tempdir().unwrap();
    write_samples(folder.path());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/check_written.py");
    let output = Command::new(&python).arg(script).arg(folder.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(NO_TORCH) => skip(),
        code => assert!(code == Some(0) && said.contains("all checks passed"), "{said}"),
    }
}

/// Says so past the test harness, which keeps what `println!` prints.
fn skip() {
    let _ = writeln!(io::stderr(), "skipped: no Python torch (scripts/setup.sh --full)");
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
    write_large(folder.join("large.pt"));
}

/// A storage beyond 4 GiB, and one behind it. All but a few kilobytes are a hole, so that this takes no room.
fn write_large(path: PathBuf) {
    let zeros = vec![0; (1 << 32) + 5]; // pages that nobody writes take no memory either
    let large = Tensor::from_bytes(DType::I8, &[zeros.len()], zeros).unwrap();
    let value = Value::dict([("large", large), ("behind", counting(1, &[2, 3]))]);
    pt_file::save(Sparse(File::create(path).unwrap()), &value).unwrap();
}

/// A file in which a long write, which here is all zeros, becomes a hole.
struct Sparse(File);

impl Write for Sparse {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() < 1 << 20 {
            return self.0.write(bytes);
        }
        self.0.seek(SeekFrom::Current(bytes.len() as i64))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
