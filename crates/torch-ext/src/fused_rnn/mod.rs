//! A recurrent layer over a whole sequence as one operation of autograd: the kernels of [`rnn_kernels`], on tensors.
//!
//! | file | what it holds |
//! |---|---|
//! | `layer` | [`FusedRnn`]: checks, the forward pass, packed weights, dropout |
//! | `backward` | the closure that autograd calls |
//! | `stream` | streaming inference, one time step for each call |
//! | `tensors` | tensors as slices, and why that is sound |
//! | `threads` | libtorch's threads for the kernels |
//!
//! ```
//! use tch::{Kind, Tensor};
//! use torch_ext::fused_rnn::{CellKind, Config, FusedRnn};
//!
//! # fn main() -> torch_ext::Result<()> {
//! let config = Config {
//!     cell: CellKind::Gru,
//!     input_size: 3,
//!     hidden_size: 5,
//!     num_layers: 1,
//!     bias: true,
//!     bidirectional: false,
//!     proj_size: 0,
//! };
//! let gru = FusedRnn::new(config)?;
//! let uniform = |(rows, columns)| Tensor::rand([rows as i64, columns as i64], tch::kind::FLOAT_CPU).set_requires_grad(true);
//! let parameters: Vec<Tensor> = config.parameter_shapes().into_iter().map(uniform).collect();
//!
//! let x = Tensor::rand([7, 2, 3], tch::kind::FLOAT_CPU); // 7 steps of 2 sequences
//! let h_0 = Tensor::zeros([1, 2, 5], tch::kind::FLOAT_CPU);
//! let (output, state) = gru.forward(&parameters, &x, &[&h_0], false, 0.0)?;
//! assert_eq!((output.size(), state[0].size()), (vec![7, 2, 5], vec![1, 2, 5]));
//! torch_ext::autograd::backward(&output.f_sum(Kind::Float)?)?;
//! assert_eq!(parameters[0].grad().size(), [15, 3]);
//! # Ok(()) }
//! ```

mod backward;
mod layer;
mod stream;
pub(crate) mod tensors;
mod threads;

pub use layer::{FusedRnn, check_tensor};
pub use rnn_kernels::{CellKind, Config, SLOW_BUILD};
pub use stream::Stream;
pub(crate) use threads::TorchThreads;
