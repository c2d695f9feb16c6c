//! Values that are written and read again: types, order and sharing stay, and only the necessary bytes are read.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};

use pt_file::{Error, Reader, StoredTensor, Tensor, Value};

use crate::samples::{checkpoint, counting, dtypes, saved, shared, state_dict, values, write_large};

fn loaded(value: &Value) -> Value {
    pt_file::load(Cursor::new(saved(value))).unwrap()
}

#[test]
fn every_sample_is_read_as_it_was_written() {
    for value in [dtypes(), shared(), state_dict(), checkpoint(), Value::None, Value::from("alone")] {
        assert_eq!(loaded(&value), value);
        assert_eq!(saved(&loaded(&value)), saved(&value));
    }
    // NaN is not equal to itself, so compare bytes.
    assert_eq!(saved(&loaded(&values())), saved(&values()));
}

#[test]
fn views_share_their_storage_after_loading() {
    let value = loaded(&shared());
    let storage = |key: &str| value.get(key).and_then(Value::as_tensor).unwrap().storage();
    assert!(storage("first").is_same(storage("transposed")) && storage("first").is_same(storage("all")));
    assert!(!storage("first").is_same(storage("own")));
}

/// Counts the bytes that are read from `R`.
struct Counting<R>(R, u64);

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read(buffer)?;
        self.1 += read as u64;
        Ok(read)
    }
}

impl<R: Seek> Seek for Counting<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

#[test]
fn opening_reads_no_storage() {
    let value = Value::dict([("a", counting(1, &[1000, 1000])), ("b", counting(2, &[3]))]);
    let mut source = Counting(Cursor::new(saved(&value)), 0);
    let mut reader = Reader::new(&mut source).unwrap();
    let tensor = |reader: &Reader<_>, key: &str| -> StoredTensor {
        reader.value().get(key).and_then(Value::as_tensor).cloned().unwrap()
    };
    let (a, b) = (tensor(&reader, "a"), tensor(&reader, "b"));
    assert_eq!((a.shape(), a.record(), a.location()), (&[1000, 1000][..], "data/0", "cpu"));
    assert_eq!(reader.tensor(&b).unwrap(), counting(2, &[3]));
    assert!(source.1 < 5_000, "{} bytes were read", source.1);
}

#[test]
fn tensors_that_are_read_one_by_one_share_their_storage() {
    let mut reader = Reader::new(Cursor::new(saved(&shared()))).unwrap();
    let stored = |reader: &Reader<_>, key: &str| reader.value().get(key).and_then(Value::as_tensor).cloned().unwrap();
    let (first, all) = (stored(&reader, "first"), stored(&reader, "all"));
    let (first, all) = (reader.tensor(&first).unwrap(), reader.tensor(&all).unwrap());
    assert!(first.storage().is_same(all.storage()));
}

#[test]
fn a_tensor_of_another_file_is_an_error() {
    let large = Reader::new(Cursor::new(saved(&Value::list([counting(0, &[100])])))).unwrap();
    let of_large = large.value().as_slice().unwrap()[0].as_tensor().unwrap();
    let mut small = Reader::new(Cursor::new(saved(&Value::list([counting(0, &[1])])))).unwrap();
    assert!(matches!(small.tensor(of_large), Err(Error::OutsideStorage { .. })));
}

#[test]
fn a_file_beyond_4_gib_can_be_opened_and_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.pt");
    write_large(&path);
    let mut reader = Reader::new(File::open(&path).unwrap()).unwrap();
    let tensors: Vec<StoredTensor> =
        ["large", "behind"].iter().filter_map(|&key| reader.value().get(key)?.as_tensor().cloned()).collect();
    assert_eq!(tensors[0].shape(), [(1 << 32) + 5]);
    assert_eq!(reader.tensor(&tensors[1]).unwrap(), counting(1, &[2, 3]));
}

#[test]
fn a_file_with_many_records_can_be_read() {
    let value = Value::list((0..66_000).map(Tensor::scalar::<i32>));
    assert_eq!(loaded(&value), value);
}

#[test]
fn an_error_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let message = pt_file::load_file(folder.path().join("none.pt")).unwrap_err().to_string();
    assert!(message.contains("none.pt: No such file"), "{message}");
    let message = Reader::open(folder.path()).unwrap_err().to_string();
    assert!(message.starts_with(&folder.path().display().to_string()), "{message}");
}
