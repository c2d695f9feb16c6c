//! Which libtorch a version of torch-sys needs, and the version of the libtorch in a folder.

use std::path::Path;
use std::{env, fs};

/// The environment variable with which torch-sys skips its version check.
pub const BYPASS: &str = "LIBTORCH_BYPASS_VERSION_CHECK";

/// Versions of torch-sys (`0.26`) and the libtorch that each needs (`2.13.0`), newest first.
pub fn pairs() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = include_str!("../versions.txt").lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(' '))
}

/// The version of torch-sys in the `Cargo.lock` of the workspace that contains `folder`; `None` if there is none.
pub fn torch_sys(folder: &Path) -> Option<String> {
    folder.ancestors().find_map(|folder| locked(&fs::read_to_string(folder.join("Cargo.lock")).ok()?))
}

fn locked(lock: &str) -> Option<String> {
    let package = lock.split("[[package]]").find(|package| field(package, "name") == Some("torch-sys"))?;
    field(package, "version").map(str::to_owned)
}

/// The value of a line `key = "value"`.
fn field<'a>(package: &'a str, key: &str) -> Option<&'a str> {
    let mut fields = package.lines().filter_map(|line| line.split_once(" = "));
    fields.find_map(|(known, value)| (known == key).then_some(value.trim_matches('"')))
}

/// The version of the libtorch in `libtorch`, without a local part such as `+cu130`.
///
/// Reads `version.py` (a Python wheel) or `build-version` (a libtorch archive). `None` if neither exists.
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

/// Checks that `libtorch` has the version that `torch_sys` needs, or, if that is unknown, one that some torch-sys needs.
/// Returns the version.
///
/// # Errors
/// A message for the user: what was found where, what is needed, and what to type.
pub fn check(libtorch: &Path, torch_sys: &Option<String>) -> Result<String, String> {
    let found = found(libtorch);
    if env::var_os(BYPASS).is_some() && libtorch.exists() {
        return Ok(found.unwrap_or_default());
    }
    let place = libtorch.display();
    let fits = |tch: &str| torch_sys.as_ref().is_none_or(|version| version.starts_with(&format!("{tch}.")));
    let wanted: Vec<&str> = pairs().filter(|(tch, _)| fits(tch)).map(|(_, libtorch)| libtorch).collect();
    let Some(newest) = wanted.first() else {
        let known: Vec<&str> = pairs().map(|(tch, _)| tch).collect();
        let version = torch_sys.as_deref().unwrap_or_default();
        return Err(format!("Cargo.lock has torch-sys {version}; the supported versions are {}", known.join(" and ")));
    };
    let problem = match found {
        Some(version) if wanted.contains(&version.as_str()) => return Ok(version),
        _ if libtorch.is_relative() => format!("No libtorch: LIBTORCH is {place}, which is not an absolute path."),
        _ if !libtorch.exists() => format!("No libtorch: LIBTORCH is {place}, which does not exist."),
        Some(version) => format!("Wrong libtorch: {place} is version {version}."),
        None => format!("No libtorch: {place} has neither version.py nor build-version."),
    };
    Err(format!(
        "{problem}\nThis build needs libtorch {}. Type `python3 -m pip install torch=={newest}`, and set LIBTORCH to the folder \
         `torch` in the site-packages of that Python.\nIn the workspace of libtorch-build, type `scripts/setup.sh` and \
         unset LIBTORCH.",
        wanted.join(" or ")
    ))
}

/// Makes Cargo run the build script again when the version in `libtorch` changes.
pub fn rerun_if_changed(libtorch: &Path) {
    for file in ["version.py", "build-version"].map(|name| libtorch.join(name)) {
        // Cargo would run the build script at every build for a file that does not exist.
        if file.exists() {
            println!("cargo::rerun-if-changed={}", file.display());
        }
    }
}

/// Prints a message as an error of the build script. Cargo prints each line as an error, and stops.
pub fn print_error(message: &str) {
    for line in message.lines() {
        println!("cargo::error={line}");
    }
}
