//! Reads what a lesson printed and wrote.

use std::fs;
use std::path::Path;

use serde_json::Value;

/// The text of stdout or stderr.
///
/// # Panics
/// If it is not UTF-8.
#[track_caller]
pub fn text(stream: &[u8]) -> &str {
    std::str::from_utf8(stream).unwrap()
}

/// The contents of a JSON file.
///
/// # Panics
/// If the file cannot be read.
#[track_caller]
pub fn json_file(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The names of all files in a folder, sorted.
///
/// # Panics
/// If the folder cannot be read.
#[track_caller]
pub fn file_names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name != ".lock"); // every run folder has it
    names.sort();
    names
}
