//! CPU kernels for whole sequences through RNN, LSTM and GRU, forward and back through time, in f32.
//!
//! Slices in, slices out: this crate knows no tensor library. Equations, order of the gates and
//! layout of the parameters are those of `torch.nn.RNN`, `LSTM` and `GRU`; any number of layers, one direction or both, with
//! or without biases, with initial states and dropout, and gradients with respect to everything.
//!
//! ```
//! use rnn_kernels::{Cell, Config, Input, InputGradients, Network, Output, OutputGradients, Sequence, Serial};
//!
//! # fn main() -> rnn_kernels::Result<()> {
//! let config = Config {
//!     cell: Cell::Gru, input_size: 3, hidden_size: 5, num_layers: 1, bias: true, bidirectional: false,
//! };
//! let network = Network::new(config)?;
//! let parameters: Vec<Vec<f32>> = config.parameter_shapes().iter().map(|(m, n)| vec![0.1; m * n]).collect();
//! let parameters: Vec<&[f32]> = parameters.iter().map(Vec::as_slice).collect();
//!
//! // 7 steps of 2 sequences, forward
//! let x = vec![1.0; 7 * 2 * 3];
//! let input = Input {
//!     steps: 7, batch: 2, x: Sequence::contiguous(&x, 2, 3), h_0: None, c_0: None, dropout: &[],
//! };
//! let (mut output, mut h_n) = (vec![0.0; 7 * 2 * 5], vec![0.0; 2 * 5]);
//! let weights = network.pack(&parameters, 2, &Serial)?;
//! let results = Output { output: &mut output, h_n: &mut h_n, c_n: None };
//! let tape = network.forward_saving(&weights, &input, results, &Serial)?;
//! assert_eq!(output[6 * 2 * 5..], h_n);
//!
//! // and back: the gradient of the sum of h_n with respect to x
//! let mut d_x = vec![0.0; x.len()];
//! let ones = vec![1.0; h_n.len()];
//! let gradients = OutputGradients { h_n: Some(&ones), ..OutputGradients::default() };
//! let wanted = InputGradients { x: Some(&mut d_x), ..InputGradients::default() };
//! network.backward(&tape, &parameters, &gradients, wanted, &Serial)?;
//! assert!(d_x[6 * 2 * 3] > d_x[0]); // the last step counts for more than the first
//! # Ok(()) }
//! ```
//!
//! # What makes them quick
//! - A sequence is one call. Its pieces of the batch run through all steps and layers without waiting for each other; the
//!   weights are put in order once.
//! - Where a few sequences meet weights that are larger than a core's cache, threads share the columns of each step instead, and
//!   each keeps its part.
//! - The products of a step leave their sums in the cache, and the gates follow at once, in one pass.
//! - The gradients of the weights are products over many steps at a time: added up by each thread while it walks back, where
//!   they fit into its cache; else over all steps, once the walk is over.
//! - Two arrangements in memory (layout.rs): features along the vectors, or samples, for networks too narrow to fill one.
//! - Without a way back x is read and the output written where the caller has them, if they lie as the kernels want them.
//! - Workspace is kept for the next call (buffer.rs), 256 MiB at most.
//!
//! # In a dev build
//! Cargo compiles dependencies of a dev build without optimisation, which makes these loops some 50 times slower. The
//! program's own Cargo.toml has to ask for more:
//!
//! ```toml
//! [profile.dev.package.rnn-kernels]
//! opt-level = 3
//! debug-assertions = false
//! overflow-checks = false
//! ```
//!
//! [`SLOW_BUILD`] is the warning to print where that is missing.
//!
//! # Which numbers
//! One source serves AVX-512, AVX2 with FMA, NEON and plain Rust; the best that the CPU has is chosen when the program runs,
//! or the one that the environment variable `RNN_KERNELS` names ([`InstructionSet`]). Results have the error of f32 arithmetic:
//! against a float64 computation it is about that of the same equations in f32 (1.0 times at the median; the tests accept 4 times
//! plus 16 ULP of the largest number). They differ in the last bits between instruction sets. They do not depend on the number of
//! threads, except for the last bits of the parameters' gradients: each thread adds up its own. Nor does what a sequence gives
//! depend on the others of its batch, as long as hidden_size is above 32: narrower
//! networks have another arrangement for batches that fill a vector, which may round exp differently by an ulp.
//! NaN and infinity go where the equations take them.
//!
//! # Safety
//! Intrinsics, pointers into the workspace and threads that write it side by side need `unsafe`; the public functions check
//! every length before. CONTRIBUTING.md has the commands that run the tests under the address sanitizer and under Miri.

mod arrange;
mod backward;
mod buffer;
mod cells;
mod config;
mod copy;
mod dots;
mod error;
mod forward;
mod gemm;
mod gradients;
mod io;
mod isa;
mod lanes;
mod layout;
mod math;
mod network;
mod parallel;
mod parameters;
#[doc(hidden)]
pub mod product;
mod rows;
mod run;
mod simd;

/// Why this build of the kernels is slow, and what to do, or `None` if it is optimised.
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

pub use config::{Cell, Config};
pub use error::{Error, Result};
pub use io::{Input, InputGradients, Output, OutputGradients, Sequence};
pub use isa::{InstructionSet, VARIABLE};
pub use network::{Network, Tape, Weights};
pub use parallel::{Parallel, Serial};
