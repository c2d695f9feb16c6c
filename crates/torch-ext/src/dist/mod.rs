//! Process groups: `torch.distributed` without Python.
//!
//! `torchrun --no-python --nproc-per-node=2 PROGRAM` starts a program twice. Environment variables tell each process its rank
//! ([`Launch`]). The processes find each other at a store, which torchrun runs, and connect ([`ProcessGroup`]): with gloo for
//! tensors on the CPU, with NCCL (feature `nccl`) for tensors on GPUs. The code is libtorch's own, c10d, so the bits are those
//! of a Python program.
//!
//! | file | what it holds | torch's name for it |
//! |---|---|---|
//! | `launch` | [`Launch`]: torchrun's environment variables | `RANK`, `WORLD_SIZE`, .. |
//! | `process_group` | [`ProcessGroup`]: joining, collective operations, the store | `init_process_group`, `all_reduce`, .. |
//! | `work` | [`Work`]: an operation that runs in the background | `async_op=True`, `Work` |
//! | `address` | which address of this machine the other processes use | |
//! | `error_context` | adds rank and peer to error messages | |
//!
//! ```no_run
//! use std::time::Duration;
//! use tch::{Kind, Tensor};
//! use torch_ext::dist::{CommunicationBackend, Launch, ProcessGroup};
//!
//! # fn main() -> torch_ext::Result<()> {
//! let launch = Launch::from_env()?.expect("run this program with torchrun");
//! let group = ProcessGroup::join(&launch, CommunicationBackend::Gloo, Duration::from_secs(60))?;
//! let ones = Tensor::ones([3], tch::kind::FLOAT_CPU);
//! group.all_reduce_sum(&ones)?;
//! assert_eq!(ones.sum(Kind::Float).double_value(&[]), 3.0 * group.world() as f64);
//! # Ok(()) }
//! ```
//!
//! # Rules
//! The operations are collective. Every process calls the same ones in the same order, with tensors of the same shape and
//! kind. If a process does not take part, the operation fails after the timeout. If a process ends, the operation fails at
//! once, because the connection breaks. After an error the group cannot be used any more: drop it, and start all processes
//! again (torchrun does, with `--max-restarts`).
//!
//! # Security
//! As in PyTorch, the process group trusts its network. There is no encryption and no password: whoever reaches the ports of
//! the store or of a process can read and change the tensors. If all processes are on one machine, they listen only on its
//! loopback interface; else only on the interface that leads to `MASTER_ADDR`. torchrun's own store listens on all interfaces.

mod address;
mod error_context;
mod launch;
mod process_group;
mod work;

pub use launch::Launch;
pub use process_group::{CommunicationBackend, ProcessGroup};
pub use work::Work;
