//! Which libtorch belongs to a tch, and which one lies in a folder.

use std::fs;
use std::path::Path;

/// Versions of tch and torch-sys, and the libtorch release that each binds; `checked-c++` reads this line too.
pub const PAIRS: [(&str, &str); 2] = [("0.26", "2.13.0"), ("0.24", "2.11.0")];

/// The libtorch release for the torch-sys that `lock`, the text of a `Cargo.lock`, names.
///
/// # Errors
/// A message if it names none, or one that is not among [`PAIRS`].
pub fn wanted(lock: &str) -> Result<&'static str, String> {
    let package = lock.split("[[package]]").find(|package| field(package, "name") == Some("torch-sys"));
    let version = package.and_then(|package| field(package, "version")).ok_or("Cargo.lock names no torch-sys")?;
    let pair = PAIRS.iter().find(|(tch, _)| version.strip_prefix(tch).is_some_and(|rest| rest.starts_with('.')));
    let known = || PAIRS.map(|(tch, _)| tch).join(" and ");
    pair.map(|(_, libtorch)| *libtorch)
        .ok_or_else(|| format!("Cargo.lock has torch-sys {version}; this works with {}", known()))
}

/// The value of a line `key = "value"`.
fn field<'a>(package: &'a str, key: &str) -> Option<&'a str> {
    let mut fields = package.lines().filter_map(|line| line.split_once(" = "));
    fields.find_map(|(known, value)| (known == key).then_some(value.trim_matches('"')))
}

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

/// Checks that `libtorch` holds version `wanted`.
///
/// # Errors
/// A message for the person who builds: what was found where, what is wanted, and what to type.
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
