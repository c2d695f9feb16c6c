//! The libtorch version that this workspace is built against, and the check that a folder holds it.
//!
//! tch 0.26 binds libtorch 2.13.0 exactly. With another version the build either fails in hundreds of lines of C++ or,
//! worse, succeeds and crashes later, and torch-sys does not notice: it looks for a `build-version` file, which the
//! Python wheel does not have. Two things look instead: the C++ compiler that `.cargo/config.toml` names
//! (`checked-c++`), before torch-sys is compiled; and this crate's build script, whatever compiler is used.
#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;

/// The libtorch release that the workspace is built against.
pub const WANTED: &str = "2.13.0";

/// The version of the libtorch in `libtorch`, without a local part such as `+cu130`.
///
/// Reads `version.py` (a Python wheel) or `build-version` (a libtorch archive); `None` if neither is there.
pub fn found(libtorch: &Path) -> Option<String> {
    let wheel = || {
        let text = fs::read_to_string(libtorch.join("version.py")).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("__version__"))?;
        Some(line.trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_owned())
    };
    let archive = || fs::read_to_string(libtorch.join("build-version")).ok();
    let version = wheel().or_else(archive)?;
    version.trim().split('+').next().map(str::to_owned)
}

/// Checks that `libtorch` holds the wanted version.
///
/// # Errors
/// A message for the person who builds: what was found where, what is wanted, and what to type.
pub fn check(libtorch: &Path) -> Result<(), String> {
    let place = libtorch.display();
    let remedy = format!(
        "This workspace needs libtorch {WANTED}. Type `scripts/setup.sh` to install it into .venv, and unset LIBTORCH \
         if you have set it;\nor point LIBTORCH at the `torch` folder of a Python that has torch=={WANTED}."
    );
    if !libtorch.exists() {
        return Err(format!("No libtorch: LIBTORCH is {place}, which does not exist.\n{remedy}"));
    }
    match found(libtorch) {
        Some(version) if version == WANTED => Ok(()),
        Some(version) => Err(format!("Wrong libtorch: {place} is version {version}.\n{remedy}")),
        None => Err(format!("No libtorch: {place} has neither version.py nor build-version.\n{remedy}")),
    }
}

#[cfg(test)]
mod tests {
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
        assert_eq!(check(wheel.path()), Ok(()));
        let archive = folder("build-version", "2.13.0+cpu\n");
        assert_eq!(check(archive.path()), Ok(()));
    }

    #[test]
    fn a_wrong_version_is_named_with_the_remedy() {
        let dir = folder("version.py", "__version__ = '2.15.0'\n");
        let message = check(dir.path()).unwrap_err();
        for part in ["2.15.0", "2.13.0", "scripts/setup.sh", dir.path().to_str().unwrap()] {
            assert!(message.contains(part), "{part:?} missing in: {message}");
        }
    }

    #[test]
    fn a_missing_or_empty_folder_is_named() {
        let dir = tempfile::tempdir().unwrap();
        assert!(check(dir.path()).unwrap_err().contains("neither version.py nor build-version"));
        assert!(check(&dir.path().join("gone")).unwrap_err().contains("does not exist"));
    }

    /// The compiler that .cargo/config.toml names, asked to compile a file of torch-sys (or not).
    fn checked_compiler(libtorch: &Path, arguments: &[&str]) -> (bool, String) {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/checked-c++");
        let run = std::process::Command::new(script)
            .args(arguments)
            .env("LIBTORCH", libtorch)
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
