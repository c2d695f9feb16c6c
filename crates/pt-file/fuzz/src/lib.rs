//! Functions that the fuzz targets share, and how to run the targets.
//!
//! ```text
//! cd crates/pt-file
//! cargo test write_fuzz_seeds -- --ignored            # writes valid files to fuzz/corpus
//! export CXX=c++                                      # not the workspace's wrapper, which needs libtorch
//! cargo +nightly fuzz run file -- -max_total_time=600 -timeout=5 -malloc_limit_mb=64
//! cargo +nightly fuzz run pickle -- -max_total_time=600 -timeout=5 -malloc_limit_mb=64
//! cargo +nightly fuzz run code -- -max_total_time=600 -timeout=5 -malloc_limit_mb=64
//! cargo +nightly fuzz run layers -- -max_total_time=600 -timeout=5 -malloc_limit_mb=1024
//! ```

pub mod layers;

use std::io::{Cursor, Write};

use pt_file::{Error, Value};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Reads a file. If it is accepted, the value can be written and read again, and then has the same bytes.
pub fn check(file: &[u8]) {
    let Ok(mut reader) = pt_file::Reader::new(Cursor::new(file)) else { return };
    reader.value().leaves().iter().for_each(|(path, _)| drop(path.to_string()));
    let _ = reader.value().state_dict_at("");
    let Ok(value) = reader.load() else { return };
    if let Some(first) = saved(&value) {
        let again = pt_file::load(Cursor::new(&first)).expect("a file that we wrote can be read");
        assert!(Some(first) == saved(&again), "the value changed when it was written and read");
    }
}

/// `None` for a value with objects or back references, which cannot be written.
fn saved(value: &Value) -> Option<Vec<u8>> {
    let mut file = Vec::new();
    match pt_file::save(&mut file, value) {
        Ok(()) => Some(file),
        Err(Error::Unwritable { .. } | Error::Cycle { .. }) => None,
        Err(error) => panic!("a value that was read can be written: {error}"),
    }
}

/// A valid archive with this pickle.
pub fn archive(pickle: &[u8]) -> Vec<u8> {
    archive_with_code(pickle, b"class A(Module):\n  __parameters__ = [\"a\", ]\n  __buffers__ = [\"b\", ]\n")
}

/// A valid TorchScript archive with this code, and with a module that has each tensor attribute from `a` to `d`.
pub fn script(code: &[u8]) -> Vec<u8> {
    let tensor = "ctorch._utils\n_rebuild_tensor\n((X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\00X\x03\0\0\0cpuK\x06tQK\0))tR";
    let attribute = |name: char| format!("X\x01\0\0\0{name}{tensor}");
    let attributes: String = ('a'..='d').map(attribute).collect();
    let module = format!("c__torch__\nA\n)\u{81}}}({attributes}ub.");
    let pickle: Vec<u8> = module.chars().map(|byte| byte as u8).collect();
    archive_with_code(&pickle, code)
}

fn archive_with_code(pickle: &[u8], code: &[u8]) -> Vec<u8> {
    let records: [(&str, &[u8]); 6] = [
        ("a/data.pkl", pickle),
        ("a/data/0", &[1; 24]),
        ("a/data/1", &[1; 8]),
        ("a/data/2", &[]),
        ("a/code/__torch__.py", code),
        ("a/version", b"3\n"),
    ];
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in records {
        let options = SimpleFileOptions::DEFAULT.compression_method(CompressionMethod::Stored);
        writer.start_file(name, options).expect("valid name");
        writer.write_all(content).expect("enough memory");
    }
    writer.finish().expect("enough memory").into_inner()
}
