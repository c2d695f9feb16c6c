//! The digit network of lesson 3, a GRU(28, 128) of two layers over 28 steps and a Linear(128, 10), on one thread:
//! `cargo bench -p rnn-runtime`
//!
//! criterion needs a C compiler for the target, and the examples of this package are built for targets without one.
#![allow(clippy::unwrap_used)] // any error ends the measurement

use std::time::{Duration, Instant};

use ndarray::{Array2, Array3, Axis};
use rnn_runtime::pt_file::{Tensor, Value};
use rnn_runtime::{Gru, Linear, Options, StateDict};

/// Weights between -0.09 and 0.09, as torch draws them for a hidden size of 128.
fn weights() -> StateDict {
    let mut state = 1u32;
    let mut tensor = |name: &'static str, shape: &[usize]| {
        let numbers = (0..shape.iter().product()).map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32 * 0.18 - 0.09
        });
        (name, Tensor::from_slice(&numbers.collect::<Vec<f32>>(), shape).unwrap())
    };
    StateDict::from_value(&Value::state_dict([
        tensor("gru.weight_ih_l0", &[384, 28]),
        tensor("gru.weight_hh_l0", &[384, 128]),
        tensor("gru.bias_ih_l0", &[384]),
        tensor("gru.bias_hh_l0", &[384]),
        tensor("gru.weight_ih_l1", &[384, 128]),
        tensor("gru.weight_hh_l1", &[384, 128]),
        tensor("gru.bias_ih_l1", &[384]),
        tensor("gru.bias_hh_l1", &[384]),
        tensor("fc.weight", &[10, 128]),
        tensor("fc.bias", &[10]),
    ]))
    .unwrap()
}

/// Prints the fastest and the median time of many calls, which takes two seconds.
fn measure<T>(name: &str, mut call: impl FnMut() -> T) {
    let (start, mut times) = (Instant::now(), Vec::new());
    while start.elapsed() < Duration::from_secs(2) {
        let before = Instant::now();
        std::hint::black_box(call());
        times.push(before.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    let (fastest, median) = (times[0], times[times.len() / 2]);
    println!("{name:<28} fastest {fastest:8.4} ms, median {median:8.4} ms of {} calls", times.len());
}

fn main() {
    let weights = weights();
    let gru = Gru::from_state_dict(&weights.prefix("gru"), Options::default().batch_first(true)).unwrap();
    let fc = Linear::from_state_dict(&weights.prefix("fc")).unwrap();
    for batch in [1, 100] {
        let x = Array3::from_elem((batch, 28, 28), 0.3);
        measure(&format!("digit, batch {batch}"), || {
            let (output, _h) = gru.forward(x.view(), None).unwrap();
            fc.forward(output.index_axis(Axis(1), 27)).unwrap()
        });
    }
    let (x, mut state) = (Array2::from_elem((1, 28), 0.3), gru.zero_state(1).unwrap());
    measure("digit, one step of a stream", || {
        let y = gru.step(x.view(), &mut state).unwrap();
        fc.forward(y).unwrap()
    });
}
