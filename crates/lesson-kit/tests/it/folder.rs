//! The run folder: which files a run replaces, and that one process at a time trains in it.

use std::collections::BTreeMap;
use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::toy::Toy;

/// The content of every file.
fn content(toy: &Toy) -> BTreeMap<String, Vec<u8>> {
    toy.files().into_iter().map(|name| (name.clone(), fs::read(toy.file(&name)).unwrap())).collect()
}

fn put(toy: &Toy, files: &[(&str, &str)]) {
    fs::create_dir_all(toy.file("")).unwrap();
    files.iter().for_each(|(name, text)| fs::write(toy.file(name), text).unwrap());
}

#[test]
fn files_of_unknown_origin_are_not_replaced() {
    let toy = Toy::new();
    let names = ["config.json", "best.pt", "model.pt", "model.safetensors", "loss.png", "notes.txt"];
    put(&toy, &names.map(|name| (name, "mine")));
    let before = content(&toy);
    let (code, stdout, stderr) = toy.run("");
    let message = "error: models/toy holds config.json, model.pt, model.safetensors, best.pt, loss.png, which no known run of \
                   toy wrote: --overwrite replaces it, --out DIR writes to another folder\n";
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (1, "", message));
    assert_eq!(content(&toy), before);

    assert_eq!(toy.run("-q --overwrite").0, 0);
    assert_eq!(fs::read_to_string(toy.file("notes.txt")).unwrap(), "mine");
    assert!(!toy.file("model.safetensors").exists());
    assert_eq!(toy.run("-q").0, 0, "now they are from a run of this lesson");
}

#[test]
fn a_file_that_was_added_to_a_run_is_not_replaced() {
    let toy = Toy::new();
    assert_eq!(toy.run("-q").0, 0);
    put(&toy, &[("best.safetensors", "mine")]); // a run with --format pt does not write it
    let before = content(&toy);
    let (code, _, stderr) = toy.run("-q");
    assert!(code == 1 && stderr.contains("holds best.safetensors, which no known run of toy wrote"), "{stderr}");
    assert_eq!(content(&toy), before);

    fs::remove_file(toy.file("best.safetensors")).unwrap();
    assert_eq!(toy.run("-q --format safetensors").0, 0);
    assert!(toy.file("best.safetensors").exists() && !toy.file("best.pt").exists());
    assert_eq!(toy.run("-q").0, 0);
    assert!(!toy.file("best.safetensors").exists() && toy.file("best.pt").exists());
}

/// The pictures of `gates` and `compare` are not written by training.
#[test]
fn pictures_of_other_commands_do_not_stop_a_run() {
    let toy = Toy::new();
    put(&toy, &[("compare.png", "a picture"), ("compare.svg", "a picture")]);
    assert_eq!(toy.run("-q").0, 0);
    assert_eq!(fs::read_to_string(toy.file("compare.png")).unwrap(), "a picture");
}

#[test]
fn a_run_of_an_older_version_is_replaced() {
    let toy = Toy::new();
    put(&toy, &[("config.json", r#"{"lesson": "toy"}"#), ("model.pt", "old"), ("summary.json", "{}")]);
    assert_eq!(toy.run("-q").0, 0);
}

/// `eval` would read the models in the old format.
#[test]
fn a_resumed_run_with_another_format_removes_the_models_in_the_old_one() {
    let toy = Toy::new();
    assert_eq!(toy.run("-q").0, 0);
    assert_eq!(toy.run("-q --resume -e 30 --format safetensors").0, 0);
    let files = toy.files();
    assert!(!files.iter().any(|name| name == "model.pt" || name == "best.pt"), "{files:?}");
    assert!(files.iter().any(|name| name == "model.safetensors"), "{files:?}");
}

#[test]
fn a_run_of_another_lesson_is_not_replaced() {
    let toy = Toy::new();
    assert_eq!(toy.run("-q").0, 0);
    let config = fs::read_to_string(toy.file("config.json")).unwrap();
    put(&toy, &[("config.json", &config.replace("\"lesson\": \"toy\"", "\"lesson\": \"other\\u001b[31m\""))]);
    let before = content(&toy);
    let (code, _, stderr) = toy.run("");
    let message = "error: models/toy holds a run of \"other\\u{1b}[31m\", not of toy: --overwrite replaces it, --out DIR writes \
                   to another folder\n";
    assert_eq!((code, stderr.as_str()), (1, message));
    assert_eq!(content(&toy), before);
}

#[test]
fn a_second_process_cannot_use_the_folder() {
    let toy = Toy::new();
    let mut first = toy.command("-q -e 1000000").stdout(Stdio::null()).spawn().unwrap();
    let start = Instant::now();
    while !toy.file("checkpoint.pt").exists() {
        assert!(start.elapsed() < Duration::from_secs(60) && first.try_wait().unwrap().is_none());
        std::thread::sleep(Duration::from_millis(5));
    }
    for options in ["-q --overwrite", "-q --resume"] {
        let (code, _, stderr) = toy.run(options);
        let message = format!(
            "error: models/toy is in use: process {} trains there; wait until it ends, or use --out DIR to write to another \
             folder\n",
            first.id()
        );
        assert_eq!((code, stderr), (1, message));
    }
    first.kill().unwrap(); // SIGKILL: the kernel releases the lock
    first.wait().unwrap();
    assert_eq!(toy.run("-q -e 3 --overwrite").0, 0);
}

#[test]
fn of_processes_that_start_together_one_trains() {
    for _ in 0..5 {
        let toy = Toy::new();
        let start = || toy.command("-q -e 40").stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let outputs: Vec<_> = [start(), start(), start()].map(|child| child.wait_with_output().unwrap()).into();
        let done = outputs.iter().filter(|output| output.status.success()).count();
        assert!(done >= 1, "{outputs:?}");
        for failed in outputs.iter().filter(|output| !output.status.success()) {
            let stderr = String::from_utf8_lossy(&failed.stderr);
            let expected = stderr.contains("is in use: ") || stderr.contains("holds an unfinished run");
            assert!(expected, "{stderr}");
        }
        assert_eq!((toy.losses().len(), toy.json("summary.json")["epochs"].as_u64()), (40, Some(40)));
        assert!(toy.file("config.json").exists());
    }
}
