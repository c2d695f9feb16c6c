//! Reads files and prints the seconds of each: `cargo run --release -p pt-file --example load FILE...`
#![allow(clippy::unwrap_used)] // any error ends the measurement

use std::time::Instant;

fn main() {
    for file in std::env::args_os().skip(1) {
        let start = Instant::now();
        let value = pt_file::load_file(&file).unwrap();
        let seconds = start.elapsed().as_secs_f64();
        println!("{seconds:.3} {} with {} values", file.display(), value.leaves().len());
    }
}
