//! CPU kernels for whole sequences through RNN, LSTM and GRU layers: forward pass and backpropagation through time, in
//! f32.
//!
//! Slices in, slices out: the crate uses no tensor library. Equations, gate order and parameter shapes are those of
//! `torch.nn.RNN`, `LSTM` and `GRU`. Any number of layers, one or two directions, optional biases, LSTM with projections
//! (`proj_size`), initial states, dropout masks, and gradients with respect to every input and parameter. Sequences of
//! different lengths are computed without padding ([`Batch::Packed`]). Streams are computed step by step, without
//! allocations ([`Stepper`]). A linear layer into a large vocabulary is computed together with its loss and their
//! gradients ([`LinearCrossEntropy`]).
//!
//! ```
//! use rnn_kernels::{Batch, CellKind, Config, Input, InputGradients, Network, Output, OutputGradients, Sequence, Serial};
//!
//! # fn main() -> rnn_kernels::Result<()> {
//! let config = Config {
//!     cell: CellKind::Gru, input_size: 3, hidden_size: 5, num_layers: 1, bias: true, bidirectional: false, proj_size: 0,
//! };
//! let network = Network::new(config)?;
//! let parameters: Vec<Vec<f32>> = config.parameter_shapes().iter().map(|(m, n)| vec![0.1; m * n]).collect();
//! let parameters: Vec<&[f32]> = parameters.iter().map(Vec::as_slice).collect();
//!
//! // Forward: 7 time steps of 2 sequences.
//! let x = vec![1.0; 7 * 2 * 3];
//! let batch = Batch::Padded { steps: 7, sequences: 2 };
//! let input = Input { batch, x: Sequence::contiguous(&x, 2, 3), h_0: None, c_0: None, dropout: &[] };
//! let (mut output, mut h_n) = (vec![0.0; 7 * 2 * 5], vec![0.0; 2 * 5]);
//! let weights = network.pack(&parameters, batch, &Serial)?;
//! let results = Output { output: &mut output, h_n: &mut h_n, c_n: None };
//! let tape = network.forward_with_tape(&weights, &input, results, &Serial)?;
//! assert_eq!(output[6 * 2 * 5..], h_n);
//!
//! // Backward: the gradient of the sum of h_n with respect to x.
//! let mut d_x = vec![0.0; x.len()];
//! let ones = vec![1.0; h_n.len()];
//! let gradients = OutputGradients { h_n: Some(&ones), ..OutputGradients::default() };
//! let wanted = InputGradients { x: Some(&mut d_x), ..InputGradients::default() };
//! network.backward(&tape, &parameters, &gradients, wanted, &Serial)?;
//! assert!(d_x[6 * 2 * 3] > d_x[0]); // the last step has more influence than the first
//! # Ok(()) }
//! ```
//!
//! # Map of the modules
//! Each module uses only modules below it in this table.
//!
//! | module | contents |
//! |---|---|
//! | `bench_gemm` | a matrix product for `cargo bench` |
//! | `stepper` | streaming inference, one time step for each call: [`Stepper`] |
//! | `network` | the public entry points: [`Network`], [`PackedWeights`], [`Tape`] |
//! | `linear_cross_entropy` | a linear layer into many classes, its loss, and the gradients: [`LinearCrossEntropy`] |
//! | `forward`, `backward` | the loops over layers, directions and time steps |
//! | `weight_gradients` | the gradients of the parameters, for each memory layout |
//! | `products` | the matrix products of a layer and its packed weights, for each memory layout |
//! | `activations`, `gradient_buffers` | the buffers that a pass reads and writes |
//! | `copy` | copies between the caller's arrays and the workspace |
//! | `schedule` | the division of a batch into shards, thread teams |
//! | `plan` | the sizes of a call, the memory layout, and the address of everything in the workspace |
//! | `shard` | a part of the batch: its rows at each time step, the order of the steps, chunks of steps |
//! | `kernels` | the code that is compiled once for each instruction set: `cells` (**the equations of RNN, LSTM and GRU**), `gemm` (the micro-kernel), `dot_products`, `softmax`, `math` (exp, sigmoid, tanh), `simd` |
//! | `io`, `parameters` | the caller's slices: checks of their lengths, conversion to pointers |
//! | `batch` | the lengths of the sequences |
//! | `buffer_pool`, `pointers`, `threads` | workspace memory, pointers with strides, the caller's [`ThreadPool`] |
//! | `config`, `error`, `tuning` | [`Config`], [`CellKind`], [`Error`]; thresholds and block sizes |
//!
//! # Why it is fast
//! - One call runs a whole sequence. Shards of the batch run through all steps and layers without synchronisation. The
//!   weights are packed once.
//! - If a few sequences meet weights that fill a core's cache, threads share the columns of each step
//!   instead, and the cache of each core keeps its part of the weights. Two threads share the two directions of a
//!   forward pass, because they do not need to wait for each other then.
//! - The matrix products of a step leave the pre-activations in the cache, and the cell reads them at once, in one
//!   pass.
//! - A product with one row (one sequence, or one streaming step) computes several panels of the weights at a time. The
//!   speed of the second-level cache limits it, not the latency of the multiply-adds.
//! - Each thread adds up the weight gradients during the backward pass if they fit into its cache. Otherwise they are
//!   computed after it, as products over all steps.
//! - Narrow networks use a second memory layout, in which SIMD vectors run along the samples instead of the features.
//! - Inference reads x and writes the output in place, and training reads d output in place, if their layout allows it.
//! - A pool keeps the workspace for the next call, 256 MiB at most.
//!
//! # Build profile
//! In a dev build Cargo compiles dependencies without optimisation, which makes the kernels about 50 times slower. Add
//! this to the program's Cargo.toml:
//!
//! ```toml
//! [profile.dev.package.rnn-kernels]
//! opt-level = 3
//! debug-assertions = false
//! overflow-checks = false
//! ```
//!
//! [`SLOW_BUILD`] is a warning that a program can print if this is missing.
//!
//! # WebAssembly
//! Compile with `-C target-feature=+simd128` in `RUSTFLAGS`, as all browsers since 2023 support it. One sequence through a
//! GRU is then 5 to 7 times as fast as without. A module cannot find out what its host supports, so the set is chosen
//! when the module is compiled. There are no threads.
//!
//! # Numerical results
//! - The same source is compiled for AVX-512, AVX2 with FMA, NEON, WebAssembly SIMD and plain Rust. The program chooses
//!   the best set of the CPU when it runs, or the one that the environment variable `RNN_KERNELS` names
//!   ([`InstructionSet`]). The last bits differ between sets. WebAssembly SIMD has the bits of plain Rust: neither has
//!   fused multiply-adds.
//! - The error against a float64 computation is about that of the same equations in f32: 1.0 times at the median. The
//!   tests accept 4 times plus 16 ULP of the largest number.
//! - The number of threads changes no bits, except the last bits of the parameters' gradients: each thread adds up its
//!   own.
//! - The result of a sequence does not depend on the other sequences of the batch if hidden_size is 32 or more. Narrower
//!   networks use another memory layout for batches that fill a vector with sequences of equal length, where the last
//!   bits may differ.
//! - NaN and infinity propagate as in the equations.
//!
//! # Why `unsafe` is sound
//! SIMD intrinsics, and threads that write interleaved parts of a buffer, need `unsafe`. The `SAFETY` comments use
//! these facts:
//!
//! 1. **Bounds.** `io` checks the length of every slice of the caller. `plan` computes the size of every buffer and
//!    every address in it from the same sizes.
//! 2. **Threads.** Threads that run at the same time write different shards, different columns of a step, or different
//!    rows of a weight. `threads::for_each_once` never starts a task twice, whatever the caller's pool does.
//! 3. **Initialised memory.** A buffer is zeroed when it is allocated, so it always holds valid numbers.
//! 4. **Instruction sets.** The compiled kernels are reachable only through an [`InstructionSet`] that the CPU
//!    supports.
//!
//! `scripts/test-sanitizers.sh` runs the tests under Miri and the address sanitizer.

mod activations;
mod backward;
mod batch;
#[doc(hidden)]
pub mod bench_gemm;
mod buffer_pool;
mod config;
mod copy;
mod error;
mod forward;
mod gradient_buffers;
mod io;
mod kernels;
mod linear_cross_entropy;
mod network;
mod parameters;
mod plan;
mod pointers;
mod products;
mod schedule;
mod shard;
mod stepper;
mod threads;
mod tuning;
mod weight_gradients;

/// The example of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// A warning with its remedy if this build of the kernels is slow, otherwise `None`.
pub const SLOW_BUILD: Option<&str> = match env!("RNN_KERNELS_OPT_LEVEL").as_bytes() {
    b"0" | b"1" => Some(
        "rnn-kernels is compiled without optimisation, so that Backend::Fused is many times slower than Backend::Exact: add \
         [profile.dev.package.rnn-kernels] with opt-level = 3, debug-assertions = false and overflow-checks = false to Cargo.toml, \
         or build with --release",
    ),
    _ if cfg!(debug_assertions) => Some(
        "rnn-kernels is compiled with debug assertions, so that Backend::Fused is some 2.5 times slower: set \
         debug-assertions = false and overflow-checks = false in [profile.dev.package.rnn-kernels] in Cargo.toml, or build with \
         --release",
    ),
    _ => None,
};

pub use batch::Batch;
pub use config::{CellKind, Config};
pub use error::{Error, Result};
pub use io::{Input, InputGradients, Output, OutputGradients, Sequence};
pub use kernels::instruction_set::InstructionSet;
pub use linear_cross_entropy::{CrossEntropyTape, IGNORE_INDEX, LinearCrossEntropy, LinearGradients};
pub use network::{Network, PackedWeights, Tape};
pub use stepper::Stepper;
pub use threads::{Serial, ThreadPool};
