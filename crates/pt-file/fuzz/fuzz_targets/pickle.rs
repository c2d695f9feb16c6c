//! Reads any bytes as the pickle in a valid archive, with storages of 0, 8 and 24 bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|pickle: &[u8]| pt_file_fuzz::check(&pt_file_fuzz::archive(pickle)));
