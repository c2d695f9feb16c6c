//! A process for each file, so that the memory that the kernel counts is that of one.

use std::process::Command;
use std::{env, fs};

use super::cases;

/// With everything that the process needs besides.
const MEMORY: usize = 50_000_000;

/// The variable of the environment that names the file.
const FILE: &str = "PT_FILE_HOSTILE";

#[test]
fn each_is_refused_in_50_mb() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hostile.pt");
    for (name, file, _) in cases() {
        fs::write(&path, file).unwrap();
        let child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "hostile::memory::one_process_refuses_one_file", "--nocapture"])
            .env(FILE, &path)
            .output();
        let said = String::from_utf8(child.unwrap().stdout).unwrap();
        let peak = said.lines().find_map(peak).unwrap_or_else(|| unreachable!("{name}: {said}"));
        assert!(peak < MEMORY, "{name} took {peak} bytes");
    }
}

/// The bytes in a line of `/proc/self/status`, if it is the one about the most memory that the process ever had.
fn peak(line: &str) -> Option<usize> {
    let kilobytes: usize = line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(1024 * kilobytes)
}

/// What those processes do; nothing in a run of all tests.
#[test]
fn one_process_refuses_one_file() {
    let Some(path) = env::var_os(FILE) else { return };
    assert!(pt_file::load_file(path).is_err());
    println!("\n{}", fs::read_to_string("/proc/self/status").unwrap());
}
