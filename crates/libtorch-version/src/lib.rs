//! The libtorch version that this workspace is built against, and the check that a folder holds it.
//!
//! Each version of tch binds one libtorch exactly ([`PAIRS`]); the one in `Cargo.lock` says which. With another libtorch
//! the build either fails in hundreds of lines of C++ or, worse, succeeds and crashes later, and torch-sys does not notice:
//! it looks for a `build-version` file, which the Python wheel does not have. Two things look instead: the C++ compiler that
//! `.cargo/config.toml` names (`checked-c++`), before torch-sys is compiled; and this crate's build script, whatever
//! compiler is used.
#![forbid(unsafe_code)]

mod check;

pub use check::{PAIRS, check, found, wanted};

/// The libtorch release that this build is made for.
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
    fn reads_a_wheel_and_an_archive() {
        let wheel = folder("version.py", "from typing import Optional\n__version__ = '2.13.0+cu130'\ndebug = False\n");
        assert_eq!(found(wheel.path()).as_deref(), Some("2.13.0"));
        assert_eq!(check(wheel.path(), "2.13.0"), Ok(()));
        let archive = folder("build-version", "2.13.0+cpu\n");
        assert_eq!(check(archive.path(), "2.13.0"), Ok(()));
    }

    #[test]
    fn a_wrong_version_is_named_with_the_remedy() {
        let dir = folder("version.py", "__version__ = '2.15.0'\n");
        let message = check(dir.path(), "2.13.0").unwrap_err();
        for part in ["2.15.0", "2.13.0", "scripts/setup.sh", dir.path().to_str().unwrap()] {
            assert!(message.contains(part), "{part:?} missing in: {message}");
        }
    }

    #[test]
    fn a_missing_or_empty_folder_is_named() {
        let dir = tempfile::tempdir().unwrap();
        assert!(check(dir.path(), "2.13.0").unwrap_err().contains("neither version.py nor build-version"));
        assert!(check(&dir.path().join("gone"), "2.13.0").unwrap_err().contains("does not exist"));
    }

    #[test]
    fn the_lock_says_which_libtorch_is_wanted() {
        let lock = |version: &str| {
            let other = "[[package]]\nname = \"tch\"\nversion = \"9.9.9\"\n";
            format!("version = 4\n\n{other}\n[[package]]\nname = \"torch-sys\"\nversion = \"{version}\"\n")
        };
        assert_eq!(wanted(&lock("0.26.0")), Ok("2.13.0"));
        assert_eq!(wanted(&lock("0.24.1")), Ok("2.11.0"));
        assert_eq!(
            wanted(&lock("0.25.0")).unwrap_err(),
            "Cargo.lock has torch-sys 0.25.0; this works with 0.26 and 0.24"
        );
        assert_eq!(wanted("[[package]]\nname = \"tch\"\n").unwrap_err(), "Cargo.lock names no torch-sys");
    }

    /// The compiler that .cargo/config.toml names, asked by torch-sys to compile a file of its own (or not).
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
    fn the_compiler_of_torch_sys_refuses_another_libtorch() {
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
    fn the_compiler_takes_the_right_libtorch_and_everything_else() {
        for version in [format!("__version__ = '{WANTED}+cu130'\n"), format!("__version__ = \"{WANTED}\"\n")] {
            let right = folder("version.py", &version);
            assert_eq!(checked_compiler(right.path(), &["--version", "libtch/torch_api.cpp"]), (true, String::new()));
        }
        let archive = folder("build-version", &format!("{WANTED}+cpu\n"));
        assert!(checked_compiler(archive.path(), &["--version", "libtch/torch_api.cpp"]).0);
        assert!(checked_compiler(Path::new("nowhere"), &["--version"]).0);
    }
}
