//! The zip archives that we write, read with the `zip` crate.

use std::io::{Cursor, Read};

use pt_file::{Tensor, Value};
use zip::{CompressionMethod, ZipArchive};

use crate::samples::{checkpoint, counting, dtypes, saved, shared, values};

/// Name, content and position of each record. Also checks properties that every record must have.
fn records(file: &[u8]) -> Vec<(String, Vec<u8>, u64)> {
    let mut archive = ZipArchive::new(Cursor::new(file)).unwrap();
    let mut records = Vec::new();
    for index in 0..archive.len() {
        let mut record = archive.by_index(index).unwrap();
        let (name, start) = (record.name().unwrap().to_string(), record.data_start().unwrap());
        assert_eq!(start % 64, 0, "{name} starts at {start}");
        assert_eq!(record.compression(), CompressionMethod::Stored, "{name}");
        let mut content = Vec::new();
        record.read_to_end(&mut content).unwrap(); // also checks the CRC
        assert_eq!(content, file[start as usize..][..content.len()], "{name}");
        records.push((name, content, start));
    }
    records
}

#[test]
fn the_records_and_their_order_are_those_of_torch() {
    let file = saved(&Value::list([counting(0, &[3]), counting(5, &[0])]));
    let records = records(&file);
    let names: Vec<_> = records.iter().map(|(name, ..)| name.strip_prefix("archive/").unwrap()).collect();
    // zipfile.ZipFile(f).namelist() of a file from torch.save, without .format_version (see FORMAT.md)
    let torch =
        ["data.pkl", ".storage_alignment", "byteorder", "data/0", "data/1", "version", ".data/serialization_id"];
    assert_eq!(names, torch);
    let content = |index: usize| records[index].1.as_slice();
    assert_eq!((content(1), content(2), content(5)), (&b"64"[..], &b"little"[..], &b"3\n"[..]));
    assert_eq!((content(3).len(), content(4).len()), (12, 0));
    assert!(content(6).len() == 40 && content(6).iter().all(u8::is_ascii_digit));
}

#[test]
fn every_record_of_every_sample_is_valid_and_aligned() {
    for value in [values(), dtypes(), shared(), checkpoint(), Value::None] {
        assert!(records(&saved(&value)).len() >= 5);
    }
    // Consecutive sizes, so that every length of padding occurs.
    let all_sizes = Value::list((0..130).map(|len| Tensor::from_slice(&vec![1u8; len], &[len]).unwrap()));
    assert_eq!(records(&saved(&all_sizes)).len(), 135);
}

#[test]
fn equal_values_make_equal_bytes() {
    for make in [values, dtypes, shared, checkpoint] {
        assert_eq!(saved(&make()), saved(&make()));
    }
    let id = |value: &Value| records(&saved(value)).pop().unwrap().1;
    assert_ne!(id(&counting(0, &[3]).into()), id(&counting(1, &[3]).into()));
}

#[test]
fn a_shared_storage_is_written_as_one_record() {
    let records = records(&saved(&shared()));
    let data: Vec<_> =
        records.iter().filter(|(name, ..)| name.contains("/data/")).map(|(_, data, _)| data.len()).collect();
    assert_eq!(data, [24 * 4, 2 * 4]);
}

#[test]
fn an_archive_can_have_more_records_than_16_bits_can_count() {
    let value = Value::list((0..66_000).map(Tensor::scalar::<i32>));
    let file = saved(&value);
    let mut archive = ZipArchive::new(Cursor::new(&file[..])).unwrap();
    assert_eq!(archive.len(), 66_005);
    let mut last = [0; 4];
    archive.by_name("archive/data/65999").unwrap().read_exact(&mut last).unwrap();
    assert_eq!(i32::from_le_bytes(last), 65_999);
}
