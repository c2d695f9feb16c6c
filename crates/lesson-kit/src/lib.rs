//! What every lesson shares, so that a lesson is its data, its model and its training loop.
//!
//! | module | what it gives |
//! |---|---|
//! | [`main`], [`Lesson`], [`TrainArgs`], [`BatchArgs`], [`Backend`] | the command line with the lesson's defaults, errors and exit codes |
//! | [`Run`] | device, threads, seed, run folder, progress, Ctrl-C, records, checkpoints, plots |
//! | [`Command`], [`Session`], [`ModelArg`], [`DrawArgs`], [`SavedModel`], [`compare`], [`doctor()`] | the commands `eval`, `compare` and `doctor`, and what others need |
//! | [`bars`] | probabilities as bars of text |
//! | [`Linear`] | `torch.nn.Linear` with its initialisation, to the bit |
//! | [`cross_entropy`] | `torch.nn.CrossEntropyLoss` |
//! | [`processes`] | under torchrun: what several processes share, and what each does alone |
//! | [`loader`] | the order in which `torch.utils.data.DataLoader` gives its batches, to the bit |
//! | [`read_together`] | numbers of many tensors for one wait for the GPU |
//! | [`metrics`] | accuracy, confusion counts, perplexity |
//! | [`plot`] | line charts, heat maps, gates over time, image grids as PNG and SVG |
//! | [`Explanation`] | `--explain`: a model's equations, parameters and shapes |
//!
//! The training loop stands in the lesson, line for line beside the slide: the kit gives the epochs and takes the
//! losses, and hides nothing between them. It knows no lesson.
#![forbid(unsafe_code)]

mod app;
mod args;
mod atomic;
mod backend;
pub mod bars;
mod boundary;
mod checkpoint;
mod command;
pub mod compare;
mod console;
mod cross_entropy;
mod device;
mod doctor;
pub mod exit;
mod explain;
mod interrupt;
mod kept;
mod learner;
mod lesson;
mod linear;
pub mod loader;
mod losses;
pub mod metrics;
pub mod plot;
pub mod processes;
mod progress;
mod record;
mod resume;
mod run;
mod run_folder;
mod saved_model;
mod seed;
mod session;
mod unread;
mod usage_tip;

pub use app::{main, parse};
pub use args::{BatchArgs, DeviceChoice, TrainArgs};
pub use backend::Backend;
pub use boundary::{Batches, Epochs};
pub use command::{Command, DrawArgs, EvalArgs, ModelArg};
pub use console::print_result;
pub use cross_entropy::cross_entropy;
pub use doctor::doctor;
pub use explain::Explanation;
pub use learner::{Learner, LearnerMut};
pub use lesson::{Defaults, FirstLosses, Lesson};
pub use linear::Linear;
pub use run::Run;
pub use saved_model::SavedModel;
pub use session::Session;
pub use unread::read_together;
