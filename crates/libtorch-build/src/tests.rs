use std::fs;
use std::path::Path;

use crate::version::{check, found, pairs, torch_sys};

fn folder(file: &str, text: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(file), text).unwrap();
    dir
}

fn newest() -> Option<String> {
    Some("0.26.0".to_owned())
}

#[test]
fn found_reads_a_wheel_and_an_archive() {
    let wheel = folder("version.py", "from typing import Optional\n__version__ = '2.13.0+cu130'\ndebug = False\n");
    assert_eq!(found(wheel.path()).as_deref(), Some("2.13.0"));
    assert_eq!(check(wheel.path(), &newest()), Ok("2.13.0".to_owned()));
    let archive = folder("build-version", "2.13.0+cpu\n");
    assert_eq!(check(archive.path(), &newest()), Ok("2.13.0".to_owned()));
}

#[test]
fn the_message_about_a_wrong_version_has_both_versions_and_the_remedy() {
    let dir = folder("version.py", "__version__ = '2.15.0'\n");
    let message = check(dir.path(), &newest()).unwrap_err();
    for part in ["2.15.0", "2.13.0", "scripts/setup.sh", "pip install torch==2.13.0", dir.path().to_str().unwrap()] {
        assert!(message.contains(part), "{part:?} missing in: {message}");
    }
}

#[test]
fn the_message_about_a_missing_or_empty_folder_names_the_problem() {
    let dir = tempfile::tempdir().unwrap();
    assert!(check(dir.path(), &newest()).unwrap_err().contains("neither version.py nor build-version"));
    assert!(check(&dir.path().join("gone"), &newest()).unwrap_err().contains("does not exist"));
}

#[test]
fn without_a_lock_file_every_supported_version_is_accepted() {
    for (_, libtorch) in pairs() {
        let dir = folder("build-version", libtorch);
        assert_eq!(check(dir.path(), &None), Ok(libtorch.to_owned()));
    }
    let message = check(folder("build-version", "2.12.0").path(), &None).unwrap_err();
    assert!(message.contains("2.13.0 or 2.11.0"), "{message}");
}

#[test]
fn the_version_of_torch_sys_comes_from_the_lock_file_above() {
    let lock = |version: &str| {
        let other = "[[package]]\nname = \"tch\"\nversion = \"9.9.9\"\n";
        format!("version = 4\n\n{other}\n[[package]]\nname = \"torch-sys\"\nversion = \"{version}\"\n")
    };
    let workspace = folder("Cargo.lock", &lock("0.24.1"));
    assert_eq!(torch_sys(&workspace.path().join("target/debug/build/x/out")).as_deref(), Some("0.24.1"));
    let libtorch = folder("build-version", "2.11.0");
    assert!(check(libtorch.path(), &torch_sys(workspace.path())).is_ok());
    assert!(check(libtorch.path(), &newest()).is_err());
    assert_eq!(
        check(libtorch.path(), &Some("0.25.0".to_owned())).unwrap_err(),
        "Cargo.lock has torch-sys 0.25.0; the supported versions are 0.26 and 0.24"
    );
    assert_eq!(torch_sys(folder("Cargo.lock", "[[package]]\nname = \"tch\"\n").path()), None);
}

/// Calls the compiler that .cargo/config.toml names, as the build script of torch-sys does.
fn checked_compiler(libtorch: &Path, arguments: &[&str]) -> (bool, String) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/checked-c++");
    let run = std::process::Command::new(script)
        .args(arguments)
        .env("LIBTORCH", libtorch)
        .env("CARGO_PKG_VERSION", "0.26.0")
        .env_remove("LIBTORCH_USE_PYTORCH")
        .output()
        .unwrap();
    (run.status.success(), String::from_utf8(run.stderr).unwrap())
}

#[test]
fn the_compiler_stops_torch_sys_with_a_wrong_libtorch() {
    let wrong = folder("version.py", "__version__ = '2.12.1+cpu'\n");
    let (compiled, message) = checked_compiler(wrong.path(), &["-c", "libtch/torch_api.cpp"]);
    assert!(!compiled);
    for part in ["2.12.1", "2.13.0", "scripts/setup.sh", wrong.path().to_str().unwrap()] {
        assert!(message.contains(part), "{part:?} missing in: {message}");
    }
    let (compiled, message) = checked_compiler(&wrong.path().join("gone"), &["-c", "libtch/torch_api.cpp"]);
    assert!(!compiled && message.contains("does not exist"), "{message}");
    let empty = tempfile::tempdir().unwrap();
    assert!(checked_compiler(empty.path(), &["-c", "libtch/torch_api.cpp"]).1.contains("unknown"));
}

#[test]
fn the_compiler_passes_all_other_calls() {
    for version in ["__version__ = '2.13.0+cu130'\n", "__version__ = \"2.13.0\"\n"] {
        let right = folder("version.py", version);
        assert_eq!(checked_compiler(right.path(), &["--version", "libtch/torch_api.cpp"]), (true, String::new()));
    }
    let archive = folder("build-version", "2.13.0+cpu\n");
    assert!(checked_compiler(archive.path(), &["--version", "libtch/torch_api.cpp"]).0);
    assert!(checked_compiler(Path::new("nowhere"), &["--version"]).0);
}
