//! Reads any bytes as a file.
#![no_main]

libfuzzer_sys::fuzz_target!(|file: &[u8]| pt_file_fuzz::check(file));
