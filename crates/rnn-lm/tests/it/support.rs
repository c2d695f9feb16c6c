//! Helpers for the tests of this lesson: small corpora, and runs of the program.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::BINARY;

/// A few thousand words of English sentences that a network learns in a second.
pub fn english() -> String {
    let subjects = ["the whale", "the captain", "a sailor", "the white whale", "an old man"];
    let verbs = ["sees", "follows", "fears", "remembers"];
    let objects = ["the ship", "the sea", "the captain", "a storm"];
    let sentence = |n: usize| format!("{} {} {}.\n", subjects[n % 5], verbs[n * n % 7 % 4], objects[n * 3 % 11 % 4]);
    (0..500).map(sentence).collect()
}

/// Sentences in Korean.
pub fn korean() -> String {
    let subjects = ["나는", "학생은", "선생님은"];
    let rest = ["책을 읽는다.", "학교에 간다.", "고래를 본다!"];
    (0..400).map(|n: usize| format!("{} {}\n", subjects[n % 3], rest[n * n % 5 % 3])).collect()
}

/// A folder with `text` in `corpus.txt`.
pub fn home(text: impl AsRef<[u8]>) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("corpus.txt"), text).unwrap();
    home
}

/// Runs the program in `home`. `|` separates the arguments.
pub fn rnn_lm(home: &Path, arguments: &str) -> Output {
    Command::new(&*BINARY).args(arguments.split('|')).current_dir(home).env_remove("LD_LIBRARY_PATH").output().unwrap()
}

/// Trains a small model on `corpus.txt` into `run`. Spaces separate the options.
pub fn train(home: &Path, options: &str) -> Output {
    let always = "--device cpu --threads 1 --corpus corpus.txt --out run --hidden-size 16 --batch-size 4 --bptt 10 --lr 0.02 \
                  --no-progress";
    let arguments = format!("{always} {options}");
    rnn_lm(home, &arguments.split_whitespace().collect::<Vec<_>>().join("|"))
}
