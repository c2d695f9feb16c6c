//! Checks the version of libtorch before anything is compiled against it.
//!
//! Each version of tch needs exactly one version of libtorch ([`PAIRS`]); `Cargo.lock` has the version of tch. With another
//! libtorch the build fails with hundreds of lines of C++ errors, or it succeeds and the program crashes later. torch-sys does
//! not detect this: it reads a `build-version` file, which the Python wheel does not have.
//!
//! | file | what it holds |
//! |---|---|
//! | `check` | the versions, and the check of a folder |
//! | `build.rs` | runs the check in every build, with any compiler |
//! | `checked-c++` | runs the check before torch-sys is compiled: the C++ compiler that `.cargo/config.toml` names |
#![forbid(unsafe_code)]

mod check;

pub use check::{PAIRS, check, found, wanted};

/// The libtorch version that this build needs.
pub const WANTED: &str = env!("LIBTORCH_WANTED");

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn folder(file: &str, text: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(file), text).unwrap();
        dir
    }

    #[test]
    fn found_reads_a_wheel_and_an_archive() {
        let wheel = folder("version.py", "from typing import Optional\n__version__ = '2.13.0+cu130'\ndebug = False\n");
        assert_eq!(found(wheel.path()).as_deref(), Some("2.13.0"));
        assert_eq!(check(wheel.path(), "2.13.0"), Ok(()));
        let archive = folder("build-version", "2.13.0+cpu\n");
        assert_eq!(check(archive.path(), "2.13.0"), Ok(()));
    }

    #[test]
    fn the_message_about_a_wrong_version_has_both_versions_and_the_remedy() {
        let dir = folder("version.py", "__version__ = '2.15.0'\n");
        let message = check(dir.path(), "2.13.0").unwrap_err();
        for part in ["2.15.0", "2.13.0", "scripts/setup.sh", dir.path().to_str().unwrap()] {
            assert!(message.contains(part), "{part:?} missing in: {message}");
        }
    }

    #[test]
    fn the_message_about_a_missing_or_empty_folder_names_the_problem() {
        let dir = tempfile::tempdir().unwrap();
        assert!(check(dir.path(), "2.13.0").unwrap_err().contains("neither version.py nor build-version"));
        assert!(check(&dir.path().join("gone"), "2.13.0").unwrap_err().contains("does not exist"));
    }

    #[test]
    fn the_wanted_version_comes_from_the_lock_file() {
        let lock = |version: &str| {
            let other = "[[package]]\nname = \"tch\"\nversion = \"9.9.9\"\n";
            format!("version = 4\n\n{other}\n[[package]]\nname = \"torch-sys\"\nversion = \"{version}\"\n")
        };
        assert_eq!(wanted(&lock("0.26.0")), Ok("2.13.0"));
        assert_eq!(wanted(&lock("0.24.1")), Ok("2.11.0"));
        assert_eq!(
            wanted(&lock("0.25.0")).unwrap_err(),
            "Cargo.lock has torch-sys 0.25.0; the supported versions are 0.26 and 0.24"
        );
        assert_eq!(wanted("[[package]]\nname = \"tch\"\n").unwrap_err(), "Cargo.lock has no torch-sys");
    }

    /// Calls the compiler that .cargo/config.toml names, as the build script of torch-sys does.
    fn checked_compiler(libtorch: &Path, arguments: &[&str]) -> (bool, String) {
        let (torch_sys, _) = PAIRS.iter().find(|(_, libtorch)| *libtorch == WANTED).unwrap();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/checked-c++");
        let run = std::process::Command::new(script)
            .args(arguments)
            .env("LIBTORCH", libtorch)
            .env("CARGO_PKG_VERSION", format!("{torch_sys}.0"))
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
        for part in ["2.12.1", WANTED, "scripts/setup.sh", wrong.path().to_str().unwrap()] {
            assert!(message.contains(part), "{part:?} missing in: {message}");
        }
        let (compiled, message) = checked_compiler(&wrong.path().join("gone"), &["-c", "libtch/torch_api.cpp"]);
        assert!(!compiled && message.contains("does not exist"), "{message}");
        let empty = tempfile::tempdir().unwrap();
        assert!(checked_compiler(empty.path(), &["-c", "libtch/torch_api.cpp"]).1.contains("unknown"));
    }

    #[test]
    fn the_compiler_passes_all_other_calls() {
        for version in [format!("__version__ = '{WANTED}+cu130'\n"), format!("__version__ = \"{WANTED}\"\n")] {
            let right = folder("version.py", &version);
            assert_eq!(checked_compiler(right.path(), &["--version", "libtch/torch_api.cpp"]), (true, String::new()));
        }
        let archive = folder("build-version", &format!("{WANTED}+cpu\n"));
        assert!(checked_compiler(archive.path(), &["--version", "libtch/torch_api.cpp"]).0);
        assert!(checked_compiler(Path::new("nowhere"), &["--version"]).0);
    }
}
