//! A streaming step allocates nothing. (A test binary of its own, because it counts the allocations of the process.)
#![allow(clippy::unwrap_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use rnn_kernels::{Batch, CellKind, Config, Network, Serial};

/// Counts the allocations of each thread.
struct CountingAllocator;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

// SAFETY: every call is passed on to the system allocator. The default `realloc` and `alloc_zeroed` call `alloc`.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's guarantee.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        // SAFETY: `alloc` returned this memory, which is the system allocator's.
        unsafe { System.dealloc(start, layout) }
    }
}

#[test]
#[cfg_attr(miri, ignore = "large problems take hours in Miri")]
fn a_streaming_step_allocates_nothing() {
    let counted = ALLOCATIONS.get();
    drop(std::hint::black_box(vec![0.0_f32; 100]));
    assert!(ALLOCATIONS.get() > counted, "the allocator does not count");

    for cell in [CellKind::RnnTanh, CellKind::RnnRelu, CellKind::Lstm, CellKind::Gru] {
        // Whole vectors; padded vectors; several shards; the feature-major layout; a projection.
        let sizes = [(64, 1, 0), (33, 3, 0), (40, 130, 0), (5, 70, 0), (64, 1, 24)];
        let lstm = cell == CellKind::Lstm;
        for (hidden_size, sequences, proj_size) in sizes.into_iter().filter(|(_, _, proj_size)| lstm || *proj_size == 0)
        {
            let config =
                Config { cell, input_size: 3, hidden_size, num_layers: 2, bias: true, bidirectional: false, proj_size };
            let parameters: Vec<Vec<f32>> = config.parameter_shapes().iter().map(|(m, n)| vec![0.1; m * n]).collect();
            let parameters: Vec<&[f32]> = parameters.iter().map(Vec::as_slice).collect();
            let network = Network::new(config).unwrap();
            let weights = network.pack(&parameters, Batch::Padded { steps: 1, sequences }, &Serial).unwrap();
            let mut stepper = network.stepper(sequences).unwrap();
            let x = vec![0.5; sequences * 3];
            let (mut h, mut output) =
                (vec![0.0; 2 * sequences * config.state_size()], vec![0.0; sequences * config.state_size()]);
            let mut c = vec![0.0; 2 * sequences * hidden_size];
            let counted = ALLOCATIONS.get();
            for _ in 0..100 {
                stepper.step(&weights, &x, &mut h, Some(&mut c), &mut output).unwrap();
            }
            assert_eq!(ALLOCATIONS.get(), counted, "{config:?}, {sequences} sequences");
        }
    }
}
