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
//! | `adam`, `sgd`, `rmsprop` | [`Adam`], [`AdamW`], [`Sgd`], [`RmsProp`] | `torch.optim.{Adam, AdamW, SGD, RMSprop}` |
//! | [`lr_scheduler`] | learning-rate schedules | `torch.optim.lr_scheduler` |
//! | `clip` | [`clip_grad_norm_`], [`clip_grad_value_`] | `torch.nn.utils` |
//! | `state_dict` | `state_dict()` and `load_state_dict()` of an optimizer | `Optimizer.state_dict` |
//! | `matching` | which saved state belongs to which parameter: by name or by position | `param_names` |
//! | `has_state_dict` | [`HasStateDict`]: what optimizers and schedules have in common | |
//! | `dict_reader` | [`DictReader`]: the entries of a saved dict, with their types | |
//! | `ops` | operations that tch lacks | `Tensor.add_(other, alpha=..)` |
//!
//! ```
//! use tch::{Device, Kind, nn::VarStore};
//! use torch_ext::nn::named_parameters;
//! use torch_ext::optim::{Adam, AdamOptions};
//!
//! # fn main() -> Result<(), torch_ext::Error> {
//! let vs = VarStore::new(Device::Cpu);
//! let w = vs.root().ones("w", &[3]);
//! let mut optimizer = Adam::from_named(named_parameters(&vs), AdamOptions { lr: 0.1, ..AdamOptions::default() })?;
//! for _ in 0..100 {
//!     let loss = (&w * &w).sum(Kind::Float);
//!     optimizer.zero_grad()?;
//!     loss.backward();
//!     optimizer.step()?;
//! }
//! assert!(w.abs().max().double_value(&[]) < 0.01);
//! # Ok(()) }
//! ```
//!
//! # Parameters: names and order
//! A state without names is saved and loaded by position. tch creates the bias of `nn::linear` and of its convolutions before
//! the weight, Python the weight before the bias. So make an optimizer with
//! [`named_parameters`](crate::nn::named_parameters), which has Python's order, and not with `vs.trainable_variables()`.
//! [`Optimizer::from_named`] also saves the names, like `torch.optim.Adam(model.named_parameters())`.

mod adam;
mod clip;
mod dict_reader;
mod has_state_dict;
pub mod lr_scheduler;
mod matching;
mod ops;
mod optimizer;
mod rmsprop;
mod sgd;
mod state_dict;

pub use adam::{AdamOptions, AdamState, AdamWOptions};
pub use clip::{clip_grad_norm_, clip_grad_value_};
pub use dict_reader::DictReader;
pub use has_state_dict::HasStateDict;
pub use lr_scheduler::{
    AnnealStrategy, Constant, ConstantLr, CosineAnnealing, CosineAnnealingLr, CosineAnnealingWarmRestarts, Exponential,
    ExponentialLr, Lambda, LambdaLr, Linear, LinearLr, LrScheduler, MultiStep, MultiStepLr, OneCycleLr,
    OneCycleOptions, PerGroup, PlateauMode, PlateauOptions, ReduceLrOnPlateau, Schedule, SequentialLr, SequentialPart,
    StepDecay, StepLr, ThresholdMode, WarmRestarts,
};
pub use optimizer::{Optimizer, ParamGroup, Rule};
pub use rmsprop::{RmsPropOptions, RmsPropState};
pub use sgd::{SgdOptions, SgdState};

/// Equivalent of `torch.optim.Adam`.
pub type Adam = Optimizer<AdamOptions>;

/// Equivalent of `torch.optim.AdamW`: Adam that decays the weights directly, `w -= lr * weight_decay * w`, by default with a
/// weight decay of 0.01.
///
/// ```
/// # fn main() -> torch_ext::Result<()> {
/// use torch_ext::optim::{AdamW, AdamWOptions};
/// let w = tch::Tensor::ones([3], tch::kind::FLOAT_CPU).set_requires_grad(true);
/// let mut optimizer = AdamW::new([&w], AdamWOptions { lr: 1e-3, ..AdamWOptions::default() })?;
/// assert_eq!(optimizer.param_groups()[0].options.weight_decay, 0.01);
/// # Ok(()) }
/// ```
pub type AdamW = Optimizer<AdamWOptions>;

/// Equivalent of `torch.optim.SGD`.
pub type Sgd = Optimizer<SgdOptions>;

/// Equivalent of `torch.optim.RMSprop`.
pub type RmsProp = Optimizer<RmsPropOptions>;
