//! Optimizers with PyTorch's arithmetic, to the bit, whose state can be read and saved.
//!
//! tch's own optimizers wrap C++'s `torch::optim`. It rounds differently from the Python optimizers, so training curves differ
//! from the second step on, and its state can be neither read nor saved. The optimizers here follow `torch/optim/adam.py`,
//! `sgd.py` and `rmsprop.py` operation by operation (the single-tensor path, Python's default on a CPU). On a GPU, where
//! PyTorch promises no equal bits, Adam uses libtorch's fused kernel.
//!
//! | module | what it holds | torch's name for it |
//! |---|---|---|
//! | `optimizer` | [`Optimizer`], [`ParamGroup`], and [`Rule`], which each optimizer implements | `torch.optim.Optimizer` |
//! | `adam`, `sgd`, `rmsprop` | [`Adam`] and AdamW, [`Sgd`], [`RmsProp`] | `torch.optim.{Adam, AdamW, SGD, RMSprop}` |
//! | [`lr_scheduler`] | learning-rate schedules | `torch.optim.lr_scheduler` |
//! | `clip` | [`clip_grad_norm_`], [`clip_grad_value_`] | `torch.nn.utils` |
//! | `state_dict` | `state_dict()` and `load_state_dict()` of an optimizer | `Optimizer.state_dict` |
//! | `has_state_dict` | [`HasStateDict`]: what optimizers and schedules have in common | |
//! | `dict_reader` | [`DictReader`]: the entries of a saved dict, with their types | |
//! | `ops` | operations that tch lacks | `Tensor.add_(other, alpha=..)` |
//!
//! ```
//! use tch::{Kind, Tensor, Device};
//! use torch_ext::optim::{Adam, AdamOptions};
//!
//! # fn main() -> Result<(), torch_ext::Error> {
//! let w = Tensor::ones([3], (Kind::Float, Device::Cpu)).set_requires_grad(true);
//! let mut optimizer = Adam::new([&w], AdamOptions { lr: 0.1, ..AdamOptions::default() })?;
//! for _ in 0..100 {
//!     let loss = (&w * &w).sum(Kind::Float);
//!     optimizer.zero_grad()?;
//!     loss.backward();
//!     optimizer.step()?;
//! }
//! assert!(w.abs().max().double_value(&[]) < 0.01);
//! # Ok(()) }
//! ```

mod adam;
mod clip;
mod dict_reader;
mod has_state_dict;
pub mod lr_scheduler;
mod ops;
mod optimizer;
mod rmsprop;
mod sgd;
mod state_dict;

pub use adam::{AdamOptions, AdamState};
pub use clip::{clip_grad_norm_, clip_grad_value_};
pub use dict_reader::DictReader;
pub use has_state_dict::HasStateDict;
pub use lr_scheduler::{
    CosineAnnealing, CosineAnnealingLr, Exponential, ExponentialLr, LrScheduler, PlateauMode, PlateauOptions,
    ReduceLrOnPlateau, Schedule, StepDecay, StepLr, ThresholdMode,
};
pub use optimizer::{Optimizer, ParamGroup, Rule};
pub use rmsprop::{RmsPropOptions, RmsPropState};
pub use sgd::{SgdOptions, SgdState};

/// Equivalent of `torch.optim.Adam`; with `decoupled_weight_decay`, of `torch.optim.AdamW`.
pub type Adam = Optimizer<AdamOptions>;

/// Equivalent of `torch.optim.SGD`.
pub type Sgd = Optimizer<SgdOptions>;

/// Equivalent of `torch.optim.RMSprop`.
pub type RmsProp = Optimizer<RmsPropOptions>;
