//! The libtorch version that a tch version needs, and the version in a folder.

use std::fs;
use std::path::Path;

/// Versions of tch and torch-sys, and the libtorch version that each needs. `checked-c++` and scripts read this line too.
pub const PAIRS: [(&str, &str); 2] = [("0.26", "2.13.0"), ("0.24", "2.11.0")];

/// The libtorch version for the torch-sys in `lock`, the text of a `Cargo.lock`.
///
/// # Errors
/// A message if there is no torch-sys, or if its version is not in [`PAIRS`].
pub fn wanted(lock: &str) -> Result<&'static str, String> {
    let package = lock.split("[[package]]").find(|package| field(package, "name") == Some("torch-sys"));
    let version = package.and_then(|package| field(package, "version")).ok_or("Cargo.lock has no torch-sys")?;
    let pair = PAIRS.iter().find(|(tch, _)| version.strip_prefix(tch).is_some_and(|rest| rest.starts_with('.')));
    let known = || PAIRS.map(|(tch, _)| tch).join(" and ");
    pair.map(|(_, libtorch)| *libtorch)
        .ok_or_else(|| format!("Cargo.lock has torch-sys {version}; the supported versions are {}", known()))
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

/// Checks that `libtorch` holds version `wanted`.
///
/// # Errors
/// A message for the user: what was found where, what is needed, and what to type.
pub fn check(libtorch: &Path, wanted: &str) -> Result<(), String> {
    let place = libtorch.display();
    let remedy = format!(
        "This build needs libtorch {wanted}. Type `scripts/setup.sh` to install it into .venv, and unset LIBTORCH \
         if you have set it;\nor point LIBTORCH at the `torch` folder of a Python that has torch=={wanted}."
    );
    if !libtorch.exists() {
        return Err(format!("No libtorch: LIBTORCH is {place}, which does not exist.\n{remedy}"));
    }
    match found(libtorch) {
        Some(version) if version == wanted => Ok(()),
        Some(version) => Err(format!("Wrong libtorch: {place} is version {version}.\n{remedy}")),
        None => Err(format!("No libtorch: {place} has neither version.py nor build-version.\n{remedy}")),
    }
}
