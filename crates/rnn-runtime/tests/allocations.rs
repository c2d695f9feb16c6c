//! `step` allocates nothing after its first call.
#![allow(clippy::unwrap_used)] // clippy.toml allows it only in test functions, not in their helpers

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use ndarray::{Array2, s};
use rnn_runtime::pt_file::{Tensor, Value};
use rnn_runtime::{Gru, Lstm, Options, Rnn, StateDict};

/// Counts the allocations of each thread.
struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is passed to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's guarantees are those of the system's allocator.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> usize {
    let before = COUNT.get();
    work();
    COUNT.get() - before
}

fn weights(gates: usize, input: usize, hidden: usize, layers: usize) -> StateDict {
    let tensor = |shape: &[usize]| Tensor::from_slice(&vec![0.01f32; shape.iter().product()], shape).unwrap();
    let tensors = (0..layers).flat_map(|layer| {
        let columns = if layer == 0 { input } else { hidden };
        [
            (format!("weight_ih_l{layer}"), tensor(&[gates * hidden, columns])),
            (format!("weight_hh_l{layer}"), tensor(&[gates * hidden, hidden])),
            (format!("bias_ih_l{layer}"), tensor(&[gates * hidden])),
            (format!("bias_hh_l{layer}"), tensor(&[gates * hidden])),
        ]
    });
    StateDict::from_value(&Value::state_dict(tensors)).unwrap()
}

#[test]
fn a_step_allocates_nothing_after_the_first_call() {
    for (input, hidden, batch) in [(28, 128, 1), (3, 5, 1), (3, 5, 40), (28, 128, 7)] {
        let gru = Gru::from_state_dict(&weights(3, input, hidden, 2), Options::default()).unwrap();
        let lstm = Lstm::from_state_dict(&weights(4, input, hidden, 2), Options::default()).unwrap();
        let rnn = Rnn::from_state_dict(&weights(1, input, hidden, 2), Options::default()).unwrap();
        let x = Array2::ones((batch, input));
        let large = Array2::ones((batch, 2 * input));
        let mut states =
            (gru.zero_state(batch).unwrap(), lstm.zero_state(batch).unwrap(), rnn.zero_state(batch).unwrap());
        let mut steps = |count: usize| {
            allocations(|| {
                for _ in 0..count {
                    gru.step(x.view(), &mut states.0).unwrap();
                    lstm.step(x.view(), &mut states.1).unwrap();
                    rnn.step(large.slice(s![.., ..;2]), &mut states.2).unwrap();
                }
            })
        };
        assert!(steps(1) > 0, "the first call makes the buffers");
        assert_eq!(steps(100), 0, "input {input}, hidden {hidden}, batch {batch}");
    }
}
