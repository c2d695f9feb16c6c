//! What libtorch has and [`tch`] lacks.
//!
//! | module | what it holds | torch's name for it |
//! |---|---|---|
//! | [`nn`] | layers and losses with torch's initialisation, to the bit; the parameters of a `VarStore` in Python's order | `torch.nn.{Linear, Embedding}`, `torch.nn.functional`, `Module.named_parameters` |
//! | [`data`] | the order of a DataLoader's batches, to the bit | `torch.utils.data.{DataLoader, DistributedSampler}` |
//! | [`optim`] | optimizers with PyTorch's arithmetic, to the bit, whose state can be saved; learning-rate schedules | `torch.optim` |
//! | [`StateDict`] | a model's tensors by name, to and from `.pt` and safetensors files | `Module.state_dict()` |
//! | [`autograd`] | operations whose backward is a Rust closure; a faster `backward`; inference mode | `torch.autograd`, `torch.inference_mode` |
//! | [`fused_rnn`] | a recurrent layer over a whole sequence as one operation, on `rnn-kernels` | `torch._VF.lstm` and others |
//! | [`convert`] | copies tensors between libtorch and `pt_file` | |
//! | [`rng`] | the state of the default CPU generator, permutations from a seed | `torch.get_rng_state`, `torch.randperm` |
//! | [`dist`] | process groups, on one machine or many | `torch.distributed` |
//! | [`parallel`] | Rust code on libtorch's own threads | `at::parallel_for` |
//! | [`slices`] | the elements of a CPU tensor as a Rust slice (`unsafe`), fast copies | `Tensor.numpy()`, `Tensor.copy_` |
//! | [`cuda`] | loads CUDA at run time, or names the step that failed and its remedy | `torch.cuda.is_available` |
//! | [`cpu`] | the instruction set that libtorch uses | `torch.backends.cpu.get_cpu_capability` |
//! | [`libtorch`] | the libtorch that this process has loaded, and the release that it must be | `torch.__file__` |
//!
//! [`tch`] and [`pt_file`] are re-exported, because arguments and results have their types.
//!
//! Below them: `error` is the error type, `ffi` declares the functions of the C++ shim in `csrc/`.
//!
//! # Linking
//! A program that uses libtorch must find its libraries at run time. The build script of every package with a program, test,
//! bench or example is one call, `libtorch_build::configure()`; see that crate.

pub mod autograd;
pub mod convert;
pub mod cpu;
pub mod cuda;
pub mod data;
pub mod dist;
mod error;
mod ffi;
pub mod fused_rnn;
pub mod libtorch;
pub mod nn;
pub mod optim;
pub mod parallel;
pub mod rng;
pub mod slices;
mod state_dict;

pub use error::{Error, Result, first_line};
pub use pt_file;
pub use state_dict::{Format, IncompatibleKeys, StateDict};
pub use tch;

/// The example of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
