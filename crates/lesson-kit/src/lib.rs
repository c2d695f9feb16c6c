//! Command line, run folder, checkpoints, progress and plots of the lessons.
//!
//! | module | content |
//! |---|---|
//! | `program` | [`main`], [`CommandLine`], [`Program`]: from the command line to the exit code; `--resume` |
//! | `args`, `model_args`, `usage_tip` | [`RunArgs`], [`Hyperparameters`], [`BatchArgs`], [`ModelArg`], [`DrawArgs`]: the shared options |
//! | `session`, `console`, `progress`, `device` | [`Session`]: device, stdout and stderr, progress bar |
//! | `run` | [`Run`]: epochs, losses, run folder, writing of checkpoints |
//! | `checkpoint`, `file_names` | the content of `checkpoint.pt`; the names of the files in a run folder |
//! | `data_digest` | [`data_digest()`]: whether a resumed run reads the same data |
//! | `workers` | [`WorkerGroup`]: the processes that torchrun started |
//! | `recording` | [`Recording`]: the tensors of a run that is compared with its notebook |
//! | `saved_model` | [`SavedModel`]: a model from a file |
//! | `memory` | [`TrainingMemory`]: estimates the memory of a run, and compares it with the available memory |
//! | `gates`, `explain`, `doctor` | the commands `gates` and `doctor`, and `--explain` |
//! | [`metrics`], [`bars`], [`plot`] | scores, text bars, pictures |
//! | [`exit`], `interrupt` | exit codes; Ctrl-C |
//!
//! The training loop is in the lesson, line by line as on the slide. This crate provides the epochs and records the losses.
#![forbid(unsafe_code)]

mod args;
pub mod bars;
mod checkpoint;
mod console;
mod data_digest;
mod device;
mod doctor;
pub mod exit;
mod explain;
mod file_names;
mod gates;
mod interrupt;
mod lesson;
mod memory;
pub mod metrics;
mod model_args;
pub mod plot;
mod program;
mod progress;
mod recording;
mod run;
mod saved_model;
mod seed;
mod session;
mod usage_tip;
mod workers;

pub use args::{BatchArgs, DeviceChoice, Hyperparameters, Options, RunArgs, check_threads, positive};
pub use console::print_result;
pub use data_digest::{DATA_DIGEST, data_digest, sha256};
pub use doctor::doctor;
pub use explain::Explanation;
pub use gates::{Gates, LayerGates};
pub use lesson::{Defaults, Lesson};
pub use memory::{TrainingMemory, check_available};
pub use model_args::{DrawArgs, EvalArgs, ModelArg};
pub use program::{CommandLine, Program, main, merge, parse};
pub use recording::{Quantity, Recording};
pub use run::{Batches, Epochs, OptimizerState, OptimizerStateMut, Run, copy_to_host};
pub use saved_model::{RecurrentSizes, SavedModel};
pub use session::{Evaluation, Session};
pub use workers::WorkerGroup;

/// Compiles the Rust code of the pages for users.
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../../../README.md")]
    struct Readme;
    #[doc = include_str!("../../../README.ko.md")]
    struct ReadmeKo;
    #[doc = include_str!("../../../docs/library.md")]
    struct Library;
    #[doc = include_str!("../../../docs/guide.ko.md")]
    struct GuideKo;
}
