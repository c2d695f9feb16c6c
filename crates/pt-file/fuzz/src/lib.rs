//! What the fuzz targets share.
//!
//! ```text
//! cd crates/pt-file
//! PT_FILE_SEEDS=fuzz/corpus cargo test mutations      # good files to start from
//! export CXX=c++                                      # not the workspace's, which wants libtorch
//! cargo +nightly fuzz run file -- -max_total_time=600 -timeout=5 -malloc_limit_mb=64
//! cargo +nightly fuzz run pickle -- -max_total_time=600 -timeout=5 -malloc_limit_mb=64
//! ```

use std::io::{Cursor, Write};

use pt_file::Value;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Reads a file. If that is possible, what was read can be written, and read again to the same bytes.
pub fn check(file: &[u8]) {
    if let Ok(value) = pt_file::load(Cursor::new(file)) {
        let first = saved(&value);
        let again = pt_file::load(Cursor::new(&first)).expect("we read what we write");
        assert!(first == saved(&again), "what was read again is another value");
    }
}

fn saved(value: &Value) -> Vec<u8> {
    let mut file = Vec::new();
    pt_file::save(&mut file, value).expect("what was read can be written");
    file
}

/// A sound archive around a pickle.
pub fn archive(pickle: &[u8]) -> Vec<u8> {
    let records: [(&str, &[u8]); 5] = [
        ("a/data.pkl", pickle),
        ("a/data/0", &[1; 24]),
        ("a/data/1", &[1; 8]),
        ("a/data/2", &[]),
        ("a/version", b"3\n"),
    ];
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in records {
        let options = SimpleFileOptions::DEFAULT.compression_method(CompressionMethod::Stored);
        writer.start_file(name, options).expect("a name");
        writer.write_all(content).expect("memory");
    }
    writer.finish().expect("memory").into_inner()
}
