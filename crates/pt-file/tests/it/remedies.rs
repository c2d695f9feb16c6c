//! Each message with a remedy: the remedy is executed, and then the file can be read.

use std::fs;
use std::path::Path;
use std::process::Command;

use pt_file::{Value, load_file, save_file};

use crate::samples::checkpoint;
use crate::workspace::workspace;

fn message(path: &Path) -> String {
    load_file(path).unwrap_err().to_string()
}

/// Executes the command in a message. FILE and NEW stand for names.
fn execute(message: &str, folder: &Path, file: &str) {
    let command = message.split('`').nth(1).unwrap().replace("FILE", file).replace("NEW", "new");
    shell(&command, folder);
}

fn shell(command: &str, folder: &Path) {
    let output = Command::new("sh").args(["-c", command]).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
}

fn is_installed(program: &str) -> bool {
    Command::new(program).arg("--help").output().is_ok()
}

#[cfg(unix)]
#[test]
fn the_commands_unpack_and_pack_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    save_file(path("a.pt"), &checkpoint()).unwrap();

    // gzip -d itself would reject the name.
    shell("gzip -c a.pt > packed.pt", folder.path());
    execute(&message(&path("packed.pt")), folder.path(), "packed.pt");
    assert_eq!(load_file(path("new.pt")).unwrap(), checkpoint());
    fs::remove_file(path("new.pt")).unwrap();

    if ["zip", "unzip"].into_iter().all(is_installed) {
        shell("unzip -q a.pt && zip -q -Z bzip2 -r bzip2.pt archive", folder.path());
        execute(&message(&path("bzip2.pt")), folder.path(), "bzip2.pt");
        assert_eq!(load_file(path("new.pt")).unwrap(), checkpoint());
    }
}

/// The command needs a repository, so only the message is tested.
#[test]
fn a_pointer_of_git_lfs_is_recognized() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.pt");
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:";
    fs::write(&path, format!("{pointer}{}\nsize 12345\n", "4d7a2146".repeat(8))).unwrap();
    assert!(message(&path).contains("a Git LFS pointer; download the file with `git lfs pull`"), "{}", message(&path));
}

/// `archive.pt` is a file of `ScriptModule.save` of PyTorch 1.0.1, for a parameter `weight`. That version wrote
/// `state_dict.pt` with `torch.save(torch.jit.load("archive.pt").state_dict(), "state_dict.pt")`. PyTorch 1.12 and 2.13
/// reject `archive.pt`.
#[test]
fn pytorch_1_0_converts_its_torchscript_archives() {
    let folder = Path::new("tests/torchscript_1_0");
    let message = message(&folder.join("archive.pt"));
    assert!(message.contains("load it with torch.jit.load of PyTorch 1.0"), "{message}");
    assert!(message.contains("save its state_dict() with torch.save"), "{message}");
    let state = load_file(folder.join("state_dict.pt")).unwrap();
    let weight = state.get("weight").and_then(Value::as_tensor).unwrap();
    assert_eq!((weight.shape(), weight.to_vec::<f32>().unwrap()), (&[2, 3][..], (0..6).map(|i| i as f32).collect()));
}

/// The first script makes the files, and the second one does what the messages tell.
#[test]
#[ignore = "needs Python's torch: scripts/setup.sh --full, then cargo test python -- --ignored"]
fn the_calls_of_python_convert_files() {
    const MAKE: &str = r#"
import sys, numpy, torch, torch.package
folder = sys.argv[1]
numpy.savez(folder + "/a.npz", x=numpy.arange(3.0))
numpy.save(folder + "/a.npy", numpy.arange(3.0))
torch.export.save(torch.export.export(torch.nn.Linear(3, 2), (torch.ones(1, 3),)), folder + "/a.pt2")
with torch.package.PackageExporter(folder + "/a.package") as package:
    package.extern("torch.**")
    package.save_pickle("model", "model.pkl", torch.nn.Linear(3, 2))
torch.save({"name": "\ud800"}, folder + "/a.surrogate")
torch.save([1] * 2_000_000, folder + "/a.list")
"#;
    const REMEDY: &str = r#"
import sys, numpy, torch, torch.package
folder = sys.argv[1]
torch.save({name: torch.from_numpy(x) for name, x in numpy.load(folder + "/a.npz").items()}, folder + "/a.npz.pt")
torch.save(torch.from_numpy(numpy.load(folder + "/a.npy")), folder + "/a.npy.pt")
torch.save(torch.export.load(folder + "/a.pt2").state_dict, folder + "/a.pt2.pt")
module = torch.package.PackageImporter(folder + "/a.package").load_pickle("model", "model.pkl")
torch.save(module.state_dict(), folder + "/a.package.pt")
name = torch.load(folder + "/a.surrogate")["name"]
torch.save({"name": name.encode("utf-8", "surrogatepass")}, folder + "/a.surrogate.pt")
torch.save(torch.tensor(torch.load(folder + "/a.list")), folder + "/a.list.pt")
"#;
    const FILES: [(&str, &str); 6] = [
        ("a.npz", "read it with numpy.load, and save torch.from_numpy(x) with torch.save"),
        ("a.npy", "read it with numpy.load, and save torch.from_numpy(x) with torch.save"),
        ("a.pt2", "save torch.export.load(path).state_dict with torch.save"),
        (
            "a.package",
            "a torch.package archive, which is a program; save the state_dict() of its module with torch.save",
        ),
        ("a.surrogate", "at [\"name\"]: a string is not valid Unicode; save it as bytes"),
        ("a.list", "store long lists as tensors"),
    ];
    let folder = tempfile::tempdir().unwrap();
    let folder_name = folder.path().to_str().unwrap();
    run_python(MAKE, folder_name);
    for (file, remedy) in FILES {
        let message = message(&folder.path().join(file));
        assert!(message.contains(remedy), "{file}: {message}");
    }
    run_python(REMEDY, folder_name);
    for (file, _) in FILES {
        load_file(folder.path().join(format!("{file}.pt"))).unwrap();
    }
}

/// Runs a Python program that has torch.
fn run_python(program: &str, argument: &str) {
    let python = workspace().join(".venv/bin/python");
    let output = Command::new(python).args(["-W", "ignore", "-c", program, argument]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
