//! Builds files byte by byte, including files that no writer would write.

use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// An archive with these records.
pub fn archive(records: &[(&str, &[u8])]) -> Vec<u8> {
    packed(records, CompressionMethod::Stored)
}

/// An archive with these records, deflated.
pub fn deflated(records: &[(&str, &[u8])]) -> Vec<u8> {
    packed(records, CompressionMethod::Deflated)
}

fn packed(records: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in records {
        let options = SimpleFileOptions::DEFAULT.compression_method(method);
        writer.start_file(*name, options).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A checkpoint with this pickle, and storages of 12 and 8 bytes.
pub fn checkpoint(pickle: &[u8]) -> Vec<u8> {
    archive(&[("a/data.pkl", pickle), ("a/data/0", &[1; 12]), ("a/data/1", &[1; 8]), ("a/version", b"3\n")])
}

/// A checkpoint whose pickle has these operations.
pub fn made_by(operations: &[u8]) -> Vec<u8> {
    checkpoint(&[b"\x80\x02", operations, b"."].concat())
}

/// The operations that push a string.
pub fn string(text: &str) -> Vec<u8> {
    [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
}

/// The operations that push a storage.
pub fn storage(class: &str, name: &str, elements: u8) -> Vec<u8> {
    let class = format!("ctorch\n{class}\n");
    [b"(", &string("storage")[..], class.as_bytes(), &string(name), &string("cpu"), &[b'K', elements], b"tQ"].concat()
}

/// The operations that push a tensor. The arguments are operations too: `geometry` for offset, shape and strides,
/// `more` for additional arguments.
pub fn tensor(storage: &[u8], geometry: &[u8], more: &[u8]) -> Vec<u8> {
    let hooks = b"ccollections\nOrderedDict\n)R";
    [b"ctorch._utils\n_rebuild_tensor_v2\n(", storage, geometry, b"\x89", hooks, more, b"tR"].concat()
}

/// The operations that push a view of a storage of three floats.
pub fn floats(geometry: &[u8]) -> Vec<u8> {
    tensor(&storage("FloatStorage", "0", 3), geometry, b"")
}

/// Replaces each `old` in `file`. There must be at least one.
pub fn patched(file: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let at: Vec<usize> = (0..file.len()).filter(|&at| file[at..].starts_with(old)).collect();
    assert!(!at.is_empty(), "nothing to patch");
    let mut patched = file.to_vec();
    for &at in at.iter().rev() {
        patched.splice(at..at + old.len(), new.iter().copied());
    }
    patched
}
