//! Measures `all_reduce` between the processes that torchrun starts: the cost of communication in a training step, by size.
//!
//! ```text
//! cargo build --release -p torch-ext --example all_reduce
//! .venv/bin/torchrun --no-python --standalone --nproc-per-node=2 target/release/examples/all_reduce
//! ```

use std::time::{Duration, Instant};

use tch::Tensor;
use torch_ext::dist::{CommunicationBackend, Launch, ProcessGroup};

/// Numbers of elements: one; the gradients of mnist-gru; 1, 4 and 16 MiB.
const SIZES: [i64; 5] = [1, 161_036, 1 << 18, 1 << 20, 1 << 22];
const REPEATS: usize = 200;

fn main() -> torch_ext::Result<()> {
    let Some(launch) = Launch::from_env()? else {
        eprintln!(
            "run this program with torchrun: torchrun --no-python --standalone --nproc-per-node=2 {}",
            env!("CARGO_CRATE_NAME")
        );
        return Ok(());
    };
    let group = ProcessGroup::join(&launch, CommunicationBackend::Gloo, Duration::from_secs(60))?;
    if group.rank() == 0 {
        println!("{} processes, medians of {REPEATS}", group.world());
        println!("{:>10}  {:>10}  {:>10}", "bytes", "us", "GB/s");
    }
    for size in SIZES {
        let tensor = Tensor::f_zeros([size], tch::kind::FLOAT_CPU)?;
        let mut times = Vec::with_capacity(REPEATS);
        for _ in 0..REPEATS {
            group.barrier()?;
            let begun = Instant::now();
            group.all_reduce_sum(&tensor)?;
            times.push(begun.elapsed().as_secs_f64());
        }
        times.sort_by(f64::total_cmp);
        if group.rank() == 0 {
            let (bytes, median) = (4 * size, times[REPEATS / 2]);
            println!("{bytes:>10}  {:>10.1}  {:>10.3}", 1e6 * median, bytes as f64 / median / 1e9);
        }
    }
    Ok(())
}
