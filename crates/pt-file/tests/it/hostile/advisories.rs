//! Files as the advisories CVE-2025-32434 and CVE-2026-24747 of PyTorch describe them. `tests/generate/attacks.py` makes
//! them. Each is rejected, or its program is data.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use pt_file::{Value, load_file};

use crate::workspace::workspace;

/// What the reader must do with a file.
enum Expected {
    /// An error with this text.
    Rejected(&'static str),
    /// A value in which an object with this class or function is the top level.
    Inert(&'static str),
}
use Expected::{Inert, Rejected};

const FILES: [(&str, Expected); 12] = [
    // CVE-2025-32434: torch.load before 2.6 ran code also with weights_only=True.
    // torch.load gave a TorchScript archive to torch.jit.load, which executes `__setstate__`. Here it writes a file.
    ("32434_script", Inert("__torch__.Scripted")),
    // The value of a tar archive calls `exec`.
    ("32434_tar_pickle", Inert("builtins.exec")),
    // The number of storages calls `exec`.
    ("32434_tar_storages", Rejected("an operand of a tar member is missing or wrong")),
    // The storages are a symbolic link to a file of the system, or outside the folder that torch extracts them to.
    ("32434_tar_link", Rejected("the end is missing")),
    ("32434_tar_path", Rejected("record \"storages\": there is no such record")),
    // CVE-2026-24747: torch.load before 2.10 wrote and read outside its memory with weights_only=True.
    // SETITEM and SETITEMS assign items of a tensor. Only a dict has items in a valid file.
    ("24747_setitem", Inert("torch._utils._rebuild_tensor_v2")),
    ("24747_setitems", Inert("torch._utils._rebuild_tensor_v2")),
    // The pickle claims a million elements. The storage has three.
    ("24747_storage", Rejected("record data/0 has 12 bytes, but its elements take 4000000")),
    ("24747_tar_storage", Rejected("the end is missing")),
    // The storage has the claimed length, but the shape of the tensor has a million elements.
    ("24747_view", Rejected("needs a storage of 1000000 elements, not 3")),
    ("24747_tar_view", Rejected("needs a storage of 1000000 elements, not 3")),
    // BUILD sets storage, offset, shape and strides of a valid tensor, again with a million elements.
    ("24747_build", Inert("torch._utils._rebuild_tensor_v2")),
];

#[test]
fn files_of_advisories_are_rejected_or_inert() {
    check(Path::new("tests/malicious"));
}

/// The generator also checks that the programs run if torch is told to trust the files.
#[test]
#[ignore = "needs Python's torch: scripts/setup.sh --full, then cargo test python -- --ignored"]
fn files_of_advisories_that_python_makes_are_rejected_or_inert() {
    let folder = tempfile::tempdir().unwrap();
    let script = workspace().join("crates/pt-file/tests/generate/attacks.py");
    let python = workspace().join(".venv/bin/python");
    let output = Command::new(python).arg("-W").arg("ignore").arg(script).arg(folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    check(folder.path());
}

fn check(folder: &Path) {
    for (name, expected) in &FILES {
        match (load_file(folder.join(format!("{name}.pt"))), expected) {
            (Err(error), Rejected(part)) => assert!(error.to_string().contains(part), "{name}: {error}"),
            (Ok(value), Inert(class)) => check_inert(name, &value, class),
            (result, _) => unreachable!("{name}: {result:?}"),
        }
    }
    assert!(!Path::new("executed").exists(), "a program was executed");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files: BTreeSet<_> = files.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    assert_eq!(files, FILES.iter().map(|(name, _)| (*name).to_owned()).collect());
}

/// The top level is this object, and each tensor is inside its storage.
fn check_inert(name: &str, value: &Value, class: &str) {
    let object = value.as_object().unwrap();
    assert_eq!(format!("{}.{}", object.module, object.name), class, "{name}");
    for tensor in value.leaves().into_iter().filter_map(|(_, leaf)| leaf.as_tensor()) {
        let (view, bytes) = (tensor.view(), tensor.storage().bytes().len());
        assert!(view.storage_len() * view.dtype().size() <= bytes, "{name}: {view} of {bytes} bytes");
        assert_eq!(tensor.to_bytes().unwrap().len(), tensor.numel() * view.dtype().size(), "{name}");
    }
}
