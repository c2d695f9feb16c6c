//! Reads any bytes as the code in a valid TorchScript archive.
#![no_main]

libfuzzer_sys::fuzz_target!(|code: &[u8]| pt_file_fuzz::check(&pt_file_fuzz::script(code)));
