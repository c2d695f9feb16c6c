//! Helpers for the tests of this lesson: runs of the program, and a small MNIST of noise.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

use crate::BINARY;

pub const TRAIN_IMAGES: &str = "train-images-idx3-ubyte";
pub const TRAIN_LABELS: &str = "train-labels-idx1-ubyte";
pub const TEST_IMAGES: &str = "t10k-images-idx3-ubyte";
pub const TEST_LABELS: &str = "t10k-labels-idx1-ubyte";

/// Runs the lesson in the folder `home`. Spaces separate the options.
pub fn mnist_gru(home: &Path, options: &str) -> Output {
    let mut command = Command::new(&*BINARY);
    command.args(options.split_whitespace()).current_dir(home).env_remove("LD_LIBRARY_PATH").output().unwrap()
}

/// A folder with `train` training digits and `test` test digits of noise in `data`.
pub fn home(train: u32, test: u32) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("data")).unwrap();
    write_mnist(&home.path().join("data"), train, test);
    home
}

/// The bytes of an IDX file.
pub fn idx(magic: u32, dimensions: &[u32], elements: &[u8]) -> Vec<u8> {
    let header = [magic].into_iter().chain(dimensions.iter().copied()).flat_map(u32::to_be_bytes);
    header.chain(elements.iter().copied()).collect()
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn images(count: u32) -> Vec<u8> {
    idx(0x0803, &[count, 28, 28], &noise(784 * count as usize))
}

pub fn labels(count: u32) -> Vec<u8> {
    idx(0x0801, &[count], &noise(count as usize).iter().map(|byte| byte % 10).collect::<Vec<_>>())
}

/// Writes the four files, with `train` training digits and `test` test digits.
pub fn write_mnist(folder: &Path, train: u32, test: u32) {
    let files = [
        (TRAIN_IMAGES, images(train)),
        (TRAIN_LABELS, labels(train)),
        (TEST_IMAGES, images(test)),
        (TEST_LABELS, labels(test)),
    ];
    for (name, bytes) in files {
        fs::write(folder.join(name), bytes).unwrap();
    }
}

/// The bytes of a linear congruential generator (Numerical Recipes), the same on every call.
fn noise(count: usize) -> Vec<u8> {
    let next = |state: &u32| Some(state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
    std::iter::successors(Some(1), next).map(|state| (state >> 24) as u8).take(count).collect()
}
