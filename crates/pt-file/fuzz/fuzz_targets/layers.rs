//! The layers of rnn-runtime, from the tensors of a file, or from tensors that the bytes describe.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pt_file_fuzz::layers;

fuzz_target!(|bytes: &[u8]| {
    match rnn_runtime::StateDict::from_bytes(bytes) {
        Ok(weights) => layers::build_and_run(&weights),
        Err(_) => layers::build_and_run(&layers::described_by(bytes)),
    }
});
