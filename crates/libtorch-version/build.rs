//! Stops the build with one message if LIBTORCH is missing or has the wrong version.

#[path = "src/check.rs"]
#[allow(dead_code)]
mod check;

use std::{env, fs, path::Path};

fn main() {
    println!("cargo::rerun-if-env-changed=LIBTORCH");
    println!("cargo::rerun-if-changed=src/check.rs");
    // The workspace's lock file. A program elsewhere that uses this crate has no such file and gets the newest pair.
    let lock = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.lock");
    println!("cargo::rerun-if-changed={lock}");
    let wanted = match fs::read_to_string(lock).map_or(Ok(check::PAIRS[0].1), |lock| check::wanted(&lock)) {
        Ok(wanted) => wanted,
        Err(message) => {
            println!("cargo::error={message}");
            return;
        }
    };
    println!("cargo::rustc-env=LIBTORCH_WANTED={wanted}");
    // With LIBTORCH_USE_PYTORCH torch-sys uses Python's torch, and checks its version itself.
    println!("cargo::rerun-if-env-changed=LIBTORCH_USE_PYTORCH");
    if env::var_os("LIBTORCH_USE_PYTORCH").is_some() {
        return;
    }
    let libtorch = env::var_os("LIBTORCH").unwrap_or_else(|| ".libtorch".into());
    for file in ["version.py", "build-version"].map(|name| Path::new(&libtorch).join(name)) {
        // Cargo would run this script at every build for a file that does not exist.
        if file.exists() {
            println!("cargo::rerun-if-changed={}", file.display());
        }
    }
    if let Err(message) = check::check(Path::new(&libtorch), wanted) {
        for line in message.lines() {
            println!("cargo::error={line}");
        }
    }
}
