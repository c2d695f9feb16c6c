//! Adam by libtorch's fused kernels, one call for all parameters: `_fused_adam` of torch/optim/adam.py.

use std::ptr;

use tch::{Device, Kind, Tensor};

use super::{AdamOptions, AdamState, refuse_sparse};
use crate::error::{Error, Result};
use crate::ffi::{self, FusedAdamOptions, FusedAdamSlot};

/// Updates the parameters that have a gradient.
pub(super) fn update_group(
    options: &AdamOptions,
    params: &mut [Tensor],
    states: &mut [Option<AdamState>],
) -> Result<()> {
    let AdamOptions { lr, betas: (beta1, beta2), eps, weight_decay, amsgrad, maximize, .. } = *options;
    let mut grads = Vec::with_capacity(params.len()); // keeps them alive until the call is over
    let mut slots = Vec::with_capacity(params.len());
    for (param, state) in params.iter().zip(states) {
        let grad = param.grad();
        if !grad.defined() {
            continue;
        }
        refuse_sparse(&grad)?;
        if state.is_none() {
            check_is_supported(param)?;
        }
        let state = AdamState::of(param, state, amsgrad)?;
        if amsgrad && state.max_exp_avg_sq.is_none() {
            state.max_exp_avg_sq = Some(param.f_zeros_like()?);
        }
        state.step += 1;
        slots.push(FusedAdamSlot {
            param: param.as_ptr(),
            grad: grad.as_ptr(),
            exp_avg: state.exp_avg.as_ptr(),
            exp_avg_sq: state.exp_avg_sq.as_ptr(),
            max_exp_avg_sq: state.max_exp_avg_sq.as_ref().filter(|_| amsgrad).map_or(ptr::null(), Tensor::as_ptr),
            step: state.step as f64,
        });
        grads.push(grad);
    }
    let decoupled_weight_decay = options.decoupled_weight_decay;
    let options = FusedAdamOptions { lr, beta1, beta2, weight_decay, eps, amsgrad, maximize, decoupled_weight_decay };
    // SAFETY: every pointer in the slots is that of a tensor that lives in `params`, `grads` or `states`; the message comes
    // from the shim.
    unsafe { ffi::check(ffi::te_fused_adam(slots.as_ptr(), slots.len(), &options)) }
}

/// `_device_dtype_check_for_fused` of torch/optim/optimizer.py.
fn check_is_supported(param: &Tensor) -> Result<()> {
    let (kind, device) = (param.kind(), param.device());
    let floating = matches!(kind, Kind::Float | Kind::Double | Kind::Half | Kind::BFloat16);
    if floating && matches!(device, Device::Cpu | Device::Cuda(_) | Device::Mps) {
        return Ok(());
    }
    Err(Error::Torch(format!(
        "`fused=True` requires all the params to be floating point Tensors of supported devices: ['mps', 'cuda', 'cpu'] \
         but {kind:?} and {device:?}"
    )))
}
