//! What libtorch has and [`tch`] does not reach.
//!
//! | module | what it gives | torch's name for it |
//! |---|---|---|
//! | [`optim`] | optimizers whose arithmetic is PyTorch's to the bit and whose state is in reach | `torch.optim` |
//! | [`nn`] | layers and losses with torch's initialisation, to the bit | `torch.nn.{Linear, Embedding}`, `torch.nn.functional` |
//! | [`data`] | the order of a DataLoader's batches, to the bit | `torch.utils.data.{DataLoader, DistributedSampler}` |
//! | [`StateDict`] | a model's tensors by name, to and from `.pt` and safetensors files | `Module.state_dict()` |
//! | [`autograd`] | operations whose backward is a Rust closure; `backward` with less overhead; inference mode | `torch.autograd.Function`, `torch.autograd.backward`, `torch.inference_mode` |
//! | [`fused_rnn`] | a recurrent layer over a whole sequence as one operation, on `rnn-kernels` | `torch._VF.lstm` and its like |
//! | [`parallel`] | Rust code on libtorch's own threads | `at::parallel_for` |
//! | [`dist`] | a group of processes, on one machine or many, that add up their tensors | `torch.distributed` |
//! | [`rng`] | the default CPU generator's state, permutations from a seed | `torch.get_rng_state`, `torch.randperm` |
//! | [`slices`] | the numbers of a CPU tensor as a Rust slice (`unsafe`), quick copies | `Tensor.numpy()`, `Tensor.copy_` |
//! | [`cpu`] | the instruction set that libtorch uses | `torch.backends.cpu.get_cpu_capability` |
//! | [`cuda`] | CUDA, loaded when it is wanted, or the step that failed and what to do | `torch.cuda.is_available` |
//! | [`version`] | the libtorch this build wants | `torch.__version__` |
//! | [`loaded`] | the libtorch that the program found | `torch.__file__` |
//!
//! # Linking
//! A program that uses libtorch must know at run time where it lies. Every package with a binary, test, bench or
//! example names torch-ext under `[dependencies]` and sets `build = "../torch-ext/build/rpath.rs"`; the result starts
//! from any folder with no `LD_LIBRARY_PATH`.
//!
//! This is the only crate of the workspace with C++ (a shim of some hundred lines in `csrc/`) and, with the CPU kernels,
//! the only one with `unsafe`.

pub mod autograd;
pub mod cpu;
pub mod cuda;
pub mod data;
pub mod dist;
mod error;
mod ffi;
pub mod fused_rnn;
pub mod loaded;
pub mod nn;
pub mod optim;
pub mod parallel;
pub mod rng;
pub mod slices;
mod state_dict;

pub use error::{Error, Result, first_line};
pub use libtorch_version as version;
pub use state_dict::{Format, IncompatibleKeys, StateDict};
