//! The command that compares two files.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::process::ExitCode;

use pt_file::{Tensor, Value, escape};

use crate::{exit_code, message, print_error};

/// Exit codes as those of `diff`.
const DIFFERENT: u8 = 1;
const TROUBLE: u8 = 2;

pub fn run(first: &OsStr, second: &OsStr) -> ExitCode {
    let load = |file: &OsStr| {
        let value = pt_file::load_file(file).map_err(|error| print_error(message(file, &error)))?;
        // A whole module is compared as its state dict.
        let state = value.as_object().and_then(|_| value.state_dict_at("").ok());
        Ok::<Value, ()>(state.map_or(value, Value::Dict))
    };
    let (Ok(first), Ok(second)) = (load(first), load(second)) else { return ExitCode::from(TROUBLE) };
    let (lines, differences) = compare(&first, &second);
    let written = io::stdout().write_all(lines.as_bytes());
    match exit_code(written) {
        ExitCode::SUCCESS if differences > 0 => ExitCode::from(DIFFERENT),
        ExitCode::SUCCESS => ExitCode::SUCCESS,
        _ => ExitCode::from(TROUBLE),
    }
}

/// A line for each difference and a summary, and the number of differences.
fn compare(first: &Value, second: &Value) -> (String, usize) {
    let (ours, theirs) = (first.leaves(), second.leaves());
    let by_path: HashMap<String, &Value> = theirs.iter().map(|(path, leaf)| (path.to_string(), *leaf)).collect();
    let (mut lines, mut seen, mut equal, mut different) = (String::new(), HashSet::new(), 0, 0);
    let mut report = |path: &str, what: &str| {
        different += 1;
        let _ = writeln!(lines, "{}  {what}", escape(path)); // writing to a String cannot fail
    };
    for (path, leaf) in &ours {
        let path = path.to_string();
        match by_path.get(&path) {
            None => report(&path, "only in the first file"),
            Some(other) => match difference(leaf, other) {
                Some(what) => report(&path, &what),
                None => equal += 1,
            },
        }
        seen.insert(path);
    }
    for (path, _) in &theirs {
        let path = path.to_string();
        if !seen.contains(&path) {
            report(&path, "only in the second file");
        }
    }
    let _ = writeln!(lines, "{equal} values are equal, {different} differ");
    (lines, different)
}

/// What differs between two values at one path.
fn difference(first: &Value, second: &Value) -> Option<String> {
    match (first, second) {
        (Value::Tensor(first), Value::Tensor(second)) => tensor_difference(first, second),
        (Value::Float(first), Value::Float(second)) if first.to_bits() == second.to_bits() => None,
        // The parts of an object have paths of their own.
        (Value::Object(first), Value::Object(second)) => {
            let names = [first, second].map(|object| format!("{}.{}", object.module, object.name));
            (names[0] != names[1]).then(|| format!("class {} and {}", escape(&names[0]), escape(&names[1])))
        }
        _ if first == second => None,
        _ if first.type_name() != second.type_name() => {
            Some(format!("type {} and {}", first.type_name(), second.type_name()))
        }
        _ => Some(format!("the {} differs", first.type_name())),
    }
}

fn tensor_difference(first: &Tensor, second: &Tensor) -> Option<String> {
    if first.dtype() != second.dtype() {
        return Some(format!("dtype {} and {}", first.dtype(), second.dtype()));
    }
    if first.shape() != second.shape() {
        return Some(format!("shape {:?} and {:?}", first.shape(), second.shape()));
    }
    if first == second {
        return None;
    }
    let mut largest: f64 = 0.0;
    let mut count = 0;
    for (first, second) in first.numbers().zip(second.numbers()) {
        if first.to_bits() != second.to_bits() {
            count += 1;
            let distance = if first.is_nan() && second.is_nan() { 0.0 } else { (first - second).abs() };
            largest = if distance.is_nan() { f64::NAN } else { largest.max(distance) };
        }
    }
    Some(format!("{count} of {} elements differ, by at most {largest:e}", first.numel()))
}
