//! Measures the peak memory for each file. A separate process reads each file, because the kernel counts per process.

use std::process::Command;
use std::{env, fs};

use super::cases;

/// The limit in bytes, for the whole process.
const MEMORY_LIMIT: usize = 50_000_000;

/// The environment variable with the path of the file.
const FILE: &str = "PT_FILE_HOSTILE";

#[test]
fn each_file_is_rejected_within_50_mb() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hostile.pt");
    for (name, file, _) in cases() {
        fs::write(&path, file).unwrap();
        let child = Command::new(env::current_exe().unwrap())
            .args(["--ignored", "--exact", "hostile::memory::the_child_process_rejects_its_file", "--nocapture"])
            .env(FILE, &path)
            .output();
        let output = String::from_utf8(child.unwrap().stdout).unwrap();
        let peak = output.lines().find_map(peak).unwrap_or_else(|| unreachable!("{name}: {output}"));
        assert!(peak < MEMORY_LIMIT, "{name} took {peak} bytes");
    }
}

/// The bytes in the line of `/proc/self/status` with the peak memory of the process; `None` for other lines.
fn peak(line: &str) -> Option<usize> {
    let kilobytes: usize = line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(1024 * kilobytes)
}

#[test]
#[ignore = "each_file_is_rejected_within_50_mb runs it in child processes"]
fn the_child_process_rejects_its_file() {
    let Some(path) = env::var_os(FILE) else { return };
    assert!(pt_file::load_file(path).is_err());
    println!("\n{}", fs::read_to_string("/proc/self/status").unwrap());
}
