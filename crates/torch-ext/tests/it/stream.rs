//! A streaming step allocates nothing.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use tch::{Tensor, kind::FLOAT_CPU};
use torch_ext::fused_rnn::{CellKind, Config, FusedRnn};

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
        // A thread that ends has no counter any more.
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's guarantee.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        // SAFETY: `alloc` returned this memory, which is the system allocator's.
        unsafe { System.dealloc(start, layout) }
    }
}

/// (Rust's allocations. The functions of libtorch that a step calls read fields of tensors.)
#[test]
fn a_step_allocates_nothing() {
    for cell in [CellKind::RnnTanh, CellKind::Lstm, CellKind::Gru] {
        let config = Config {
            cell,
            input_size: 3,
            hidden_size: 33,
            num_layers: 2,
            bias: true,
            bidirectional: false,
            proj_size: 0,
        };
        let layer = FusedRnn::new(config).unwrap();
        let weight = |(rows, columns)| Tensor::rand([rows as i64, columns as i64], FLOAT_CPU).set_requires_grad(true);
        let parameters: Vec<Tensor> = config.parameter_shapes().into_iter().map(weight).collect();
        let state = Tensor::zeros([2, 4, 33], FLOAT_CPU);
        let hx = [&state; 2];
        let mut stream = layer.stream(&parameters, &hx[..1 + usize::from(cell.has_c())]).unwrap();
        let x = Tensor::rand([4, 3], FLOAT_CPU);
        layer.step(&parameters, &x, &mut stream).unwrap();
        let counted = ALLOCATIONS.get();
        for _ in 0..100 {
            layer.step(&parameters, &x, &mut stream).unwrap();
        }
        assert_eq!(ALLOCATIONS.get(), counted, "{cell:?}");
    }
}
