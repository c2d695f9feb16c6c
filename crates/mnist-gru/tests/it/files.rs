//! The IDX files of MNIST: every form that is accepted, and the message for every error.

use std::fs;
use std::path::Path;

use mnist_gru::data::{Digits, Mnist};
use tempfile::TempDir;

use crate::support::{TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS, gzip, idx, images, labels, write_mnist};

/// A correct folder with 12 training digits and 7 test digits.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write_mnist(folder.path(), 12, 7);
    folder
}

/// The error for a correct folder in which `bytes` replace the file `name`, without the path of the folder.
fn error(name: &str, bytes: &[u8]) -> String {
    let folder = folder();
    fs::write(folder.path().join(name), bytes).unwrap();
    error_of(folder.path())
}

fn error_of(folder: &Path) -> String {
    let error = format!("{:#}", Mnist::read(folder).unwrap_err());
    let advice = "cannot read MNIST (run scripts/fetch-data.sh, which downloads it to data/mnist): ";
    let rest = error.strip_prefix(advice).unwrap_or_else(|| panic!("without advice: {error}"));
    rest.replace(&format!("{}/", folder.display()), "")
}

fn assert_same(ours: &Digits, other: &Digits) {
    assert!(ours == other, "the digits differ");
}

#[test]
fn images_and_labels_are_read_in_order() {
    let Mnist { train, test } = Mnist::read(folder().path()).unwrap();
    assert_eq!((train.len(), test.len(), train.is_empty()), (12, 7, false));
    let file = images(12);
    assert_eq!(train.image(0), Some(&file[16..16 + 784]));
    assert_eq!(train.image(11), Some(&file[16 + 11 * 784..]));
    assert_eq!(train.image(12), None);
    assert_eq!(train.labels(), &labels(12)[8..]);
}

#[test]
fn gzip_files_of_any_name_and_of_several_members_are_read() {
    let plain = Mnist::read(folder().path()).unwrap();
    let folder = folder();
    // As distributed: .gz.
    fs::remove_file(folder.path().join(TRAIN_IMAGES)).unwrap();
    fs::write(folder.path().join(format!("{TRAIN_IMAGES}.gz")), gzip(&images(12))).unwrap();
    // Some browsers unpack a file and keep its name, or keep it packed under the name without .gz.
    fs::rename(folder.path().join(TRAIN_LABELS), folder.path().join(format!("{TRAIN_LABELS}.gz"))).unwrap();
    let bytes = labels(7);
    let (one, other) = bytes.split_at(10);
    fs::write(folder.path().join(TEST_LABELS), [gzip(one), gzip(other)].concat()).unwrap();
    let packed = Mnist::read(folder.path()).unwrap();
    assert_same(&packed.train, &plain.train);
    assert_same(&packed.test, &plain.test);
}

#[test]
fn the_plain_file_is_read_if_both_exist() {
    let folder = folder();
    fs::write(folder.path().join(format!("{TRAIN_LABELS}.gz")), "no gzip").unwrap();
    assert!(Mnist::read(folder.path()).is_ok());
}

#[test]
fn an_error_names_a_missing_file() {
    let folder = folder();
    fs::remove_file(folder.path().join(TEST_LABELS)).unwrap();
    assert_eq!(error_of(folder.path()), format!("{TEST_LABELS}: neither this file nor its .gz exists"));
    let nowhere = folder.path().join("nowhere");
    assert_eq!(error_of(&nowhere), format!("{TRAIN_IMAGES}: neither this file nor its .gz exists"));
}

#[test]
fn a_wrong_magic_number_is_an_error() {
    let expected = "the magic number 0x00000803 (unsigned bytes, dimensions: 3)";
    assert_eq!(error(TRAIN_IMAGES, &labels(12)), format!("{TRAIN_IMAGES}: expected {expected}, found 0x00000801"));
    // 0x0d: float32
    let floats = idx(0x0d03, &[12, 28, 28], &[]);
    assert_eq!(error(TRAIN_IMAGES, &floats), format!("{TRAIN_IMAGES}: expected {expected}, found 0x00000d03"));
    let expected = "the magic number 0x00000801 (unsigned bytes, dimensions: 1)";
    let html = b"<!DOCTYPE html>";
    assert_eq!(error(TEST_LABELS, html), format!("{TEST_LABELS}: expected {expected}, found 0x3c21444f"));
}

#[test]
fn wrong_dimensions_are_an_error() {
    let wide = idx(0x0803, &[12, 28, 32], &[0; 12 * 28 * 32]);
    let message = "expected elements of 28 x 28, found elements of 28 x 32";
    assert_eq!(error(TRAIN_IMAGES, &wide), format!("{TRAIN_IMAGES}: {message}"));
    let none = idx(0x0801, &[0], &[]);
    assert_eq!(
        error(TRAIN_LABELS, &none),
        format!("{TRAIN_LABELS}: the header has the shape 0: the file has no elements")
    );
}

#[test]
fn a_file_that_is_too_short_or_too_long_is_an_error() {
    let whole = images(12);
    for length in [0, 3, 15] {
        let message = format!("{TRAIN_IMAGES}: expected a header of 16 bytes, found a file of {length} bytes");
        assert_eq!(error(TRAIN_IMAGES, &whole[..length]), message);
    }
    let shape = "the header has the shape 12 x 28 x 28";
    let found = |length: usize| format!("{TRAIN_IMAGES}: {shape}, 9424 bytes in all; found {length} bytes");
    assert_eq!(error(TRAIN_IMAGES, &whole[..16]), found(16));
    assert_eq!(error(TRAIN_IMAGES, &whole[..9423]), found(9423));
    assert_eq!(error(TRAIN_IMAGES, &[&whole[..], &[0]].concat()), found(9425));

    let packed = |bytes: &[u8]| error(TRAIN_IMAGES, &gzip(bytes));
    assert!(packed(&whole[..15]).starts_with(&format!("{TRAIN_IMAGES}: cannot read the header: ")));
    let found = format!("{TRAIN_IMAGES}: {shape}; found 9407 of these 9408 bytes");
    assert_eq!(packed(&whole[..9423]), found);
    assert_eq!(packed(&[&whole[..], &[0]].concat()), format!("{TRAIN_IMAGES}: {shape}; the file has more bytes"));
}

#[test]
fn no_memory_is_allocated_for_a_header_that_is_too_large() {
    // 2^31 images have 1.7 TB: their allocation would fail or end the process.
    let claim = idx(0x0803, &[1 << 31, 28, 28], &[7; 784]);
    let shape = "the header has the shape 2147483648 x 28 x 28";
    let plain = format!("{TRAIN_IMAGES}: {shape}, 1683627180048 bytes in all; found 800 bytes");
    assert_eq!(error(TRAIN_IMAGES, &claim), plain);
    let packed = error(TRAIN_IMAGES, &gzip(&claim));
    assert!(packed.starts_with(&format!("{TRAIN_IMAGES}: {shape}, 1683627180032 bytes; a gzip file of ")), "{packed}");

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("huge");
    let dimensions = [u32::MAX; 3];
    fs::write(&path, idx(0x0803, &dimensions, &[])).unwrap();
    let error = format!("{:#}", mnist_gru::data::idx::read(&path, &dimensions[1..]).unwrap_err());
    assert!(error.ends_with("4294967295 x 4294967295 x 4294967295: no file can be that long"), "{error}");
}

#[test]
fn a_gzip_file_expands_to_a_limited_size() {
    // 30,000 black images are 24 MB, and 25 KB when packed.
    let count = 30_000;
    let bomb = gzip(&idx(0x0803, &[count, 28, 28], &vec![0; count as usize * 784]));
    assert!(bomb.len() < 100_000);
    let error = error(TRAIN_IMAGES, &bomb);
    let size = format!("23520000 bytes; a gzip file of {} bytes may expand to at most 8388608 (unpack", bomb.len());
    assert!(error.contains(&size), "{error}");
    // 10,000 of them are accepted, as many as MNIST has for its test.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("blank.gz");
    fs::write(&path, gzip(&idx(0x0803, &[10_000, 28, 28], &vec![0; 7_840_000]))).unwrap();
    assert_eq!(mnist_gru::data::idx::read(&path, &[28, 28]).unwrap().len(), 7_840_000);
}

#[cfg(unix)]
#[test]
fn a_fifo_is_an_error_without_waiting() {
    let folder = folder();
    let path = folder.path().join(TRAIN_IMAGES);
    fs::remove_file(&path).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let error = error_of(folder.path());
    assert!(error.starts_with(&format!("{TRAIN_IMAGES}: not a regular file but a FIFO (pipe); ")), "{error}");
}

#[test]
fn a_damaged_gzip_file_is_an_error() {
    let whole = gzip(&images(12));
    let mut flipped = whole.clone();
    let checksum = whole.len() - 8;
    flipped[checksum] ^= 1;
    for (bytes, why) in [
        (&whole[..whole.len() / 2], "incomplete deflate stream"),
        (&whole[..5], "unexpected end of file"),
        (&whole[..whole.len() - 4], "unexpected end of file"),
        (&flipped, "corrupt gzip stream does not have a matching checksum"),
        (&[&whole[..], b"and some rubbish"].concat(), "invalid gzip header"),
    ] {
        let error = error(TRAIN_IMAGES, bytes);
        assert!(error.starts_with(TRAIN_IMAGES) && error.ends_with(why), "{error:?}, not {why:?}");
    }
}

#[test]
fn a_label_outside_zero_to_nine_is_an_error() {
    let wrong = idx(0x0801, &[12], &[0, 9, 3, 10, 0, 0, 255, 0, 0, 0, 0, 0]);
    let message = format!("{TRAIN_LABELS}: label 4 of 12 is 10; expected 0 to 9");
    assert_eq!(error(TRAIN_LABELS, &wrong), message);
}

#[test]
fn different_numbers_of_images_and_labels_are_an_error() {
    let message = format!("{TRAIN_IMAGES} has 12 images, but {TRAIN_LABELS} has 11 labels");
    assert_eq!(error(TRAIN_LABELS, &labels(11)), message);
}

#[test]
fn a_folder_in_place_of_a_file_is_an_error() {
    let folder = folder();
    fs::remove_file(folder.path().join(TRAIN_LABELS)).unwrap();
    fs::create_dir(folder.path().join(TRAIN_LABELS)).unwrap();
    assert!(error_of(folder.path()).starts_with(TRAIN_LABELS));
}
