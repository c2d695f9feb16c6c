//! Learning-rate schedules, as in torch/optim/lr_scheduler.py, with their state in Python's layout.
//!
//! As in Python, a scheduler stores the learning rates when it is created (`initial_lr` of each group). It changes them at
//! every [`LrScheduler::step`], which comes after the optimizer's step. A schedule of a warm-up changes them when it is
//! created, too.
//!
//! | torch | here |
//! |---|---|
//! | `LinearLR`, `ConstantLR` | [`LinearLr`], [`ConstantLr`]: warm-up |
//! | `StepLR`, `MultiStepLR`, `ExponentialLR` | [`StepLr`], [`MultiStepLr`], [`ExponentialLr`] |
//! | `CosineAnnealingLR`, `CosineAnnealingWarmRestarts` | [`CosineAnnealingLr`], [`CosineAnnealingWarmRestarts`] |
//! | `OneCycleLR` | [`OneCycleLr`], which also changes the momentum |
//! | `LambdaLR` | [`LambdaLr`], with closures |
//! | `SequentialLR` | [`SequentialLr`]: one schedule after another, such as a warm-up and a cosine |
//! | `ReduceLROnPlateau` | [`ReduceLrOnPlateau`], which reads a metric |
//!
//! ```
//! use torch_ext::optim::{Sgd, SgdOptions, StepDecay, StepLr};
//! # fn main() -> Result<(), torch_ext::Error> {
//! let w = tch::Tensor::zeros([1], tch::kind::FLOAT_CPU).set_requires_grad(true);
//! let mut optimizer = Sgd::new([&w], SgdOptions { lr: 1.0, ..SgdOptions::default() })?;
//! let mut scheduler = StepLr::new(&mut optimizer, StepDecay { step_size: 2, gamma: 0.5 })?;
//! let mut rates = vec![];
//! for _epoch in 0..5 {
//!     rates.push(scheduler.last_lr()[0]);
//!     optimizer.step()?;
//!     scheduler.step(&mut optimizer);
//! }
//! assert_eq!(rates, [1.0, 1.0, 0.5, 0.5, 0.25]);
//! # Ok(()) }
//! ```

mod lambda;
mod one_cycle;
mod plateau;
mod scheduler;
mod schedules;
mod sequential;
mod warm_restarts;
mod warm_up;

pub use lambda::{Lambda, LambdaLr};
pub(super) use one_cycle::OneCycleGroup;
pub use one_cycle::{AnnealStrategy, OneCycleLr, OneCycleOptions, PerGroup};
pub use plateau::{PlateauMode, PlateauOptions, ReduceLrOnPlateau, ThresholdMode};
pub use scheduler::{LrScheduler, Schedule};
pub use schedules::{
    CosineAnnealing, CosineAnnealingLr, Exponential, ExponentialLr, MultiStep, MultiStepLr, StepDecay, StepLr,
};
pub use sequential::{SequentialLr, SequentialPart};
pub use warm_restarts::{CosineAnnealingWarmRestarts, WarmRestarts};
pub use warm_up::{Constant, ConstantLr, Linear, LinearLr};
