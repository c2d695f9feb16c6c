//! Adam with libtorch's fused kernels, one call for all parameters: `_fused_adam` of torch/optim/adam.py.

use std::ptr;

use tch::{Device, Kind, Tensor};

use super::options::{AdamOptions, AdamState, reject_sparse};
use crate::error::{Error, Result};
use crate::ffi::{self, FusedAdamOptions, FusedAdamTensors};

/// Whether to use the kernels without `fused`: on a GPU, where the launch of an operation takes longer than its computation.
/// (Python's default there, `foreach=True`, launches a dozen kernels for all parameters.) Not if the kernels do not support a
/// tensor.
pub(super) fn is_default(params: &[Tensor], states: &[Option<AdamState>]) -> bool {
    params.iter().all(|param| param.device().is_cuda())
        && params.iter().zip(states).all(|(param, state)| is_supported(param, &param.grad(), state.as_ref()))
}

/// Whether all tensors have one memory layout (`check_fast_path_restrictions` of libtorch's ForeachUtils.h).
fn is_supported(param: &Tensor, grad: &Tensor, state: Option<&AdamState>) -> bool {
    let same_layout = |other: &Tensor| {
        !other.is_sparse()
            && (other.kind(), other.size(), other.stride()) == (param.kind(), param.size(), param.stride())
    };
    let averages = |state: &AdamState| {
        same_layout(&state.exp_avg)
            && same_layout(&state.exp_avg_sq)
            && state.max_exp_avg_sq.as_ref().is_none_or(same_layout)
    };
    !param.is_sparse()
        && check_kind_and_device(param).is_ok()
        && (!grad.defined() || same_layout(grad))
        && state.is_none_or(averages)
}

/// Updates the parameters that have a gradient.
pub(super) fn update_group(
    options: &AdamOptions,
    params: &mut [Tensor],
    states: &mut [Option<AdamState>],
) -> Result<()> {
    let AdamOptions { lr, betas: (beta1, beta2), eps, weight_decay, amsgrad, maximize, .. } = *options;
    let mut grads = Vec::with_capacity(params.len()); // keeps the gradients alive until the call returns
    let mut tensors = Vec::with_capacity(params.len());
    for (param, state) in params.iter().zip(states) {
        let grad = param.grad();
        if !grad.defined() {
            continue;
        }
        reject_sparse(&grad)?;
        if state.is_none() {
            check_kind_and_device(param)?;
        }
        let state = AdamState::get_or_new(param, state, amsgrad)?;
        if amsgrad && state.max_exp_avg_sq.is_none() {
            state.max_exp_avg_sq = Some(param.f_zeros_like()?);
        }
        state.step += 1;
        tensors.push(FusedAdamTensors {
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
    // SAFETY: every pointer belongs to a tensor in `params`, `grads` or `states`, which outlive the call; the message comes from
    // the shim.
    unsafe { ffi::check(ffi::te_fused_adam(tensors.as_ptr(), tensors.len(), &options)) }
}

/// `_device_dtype_check_for_fused` of torch/optim/optimizer.py.
fn check_kind_and_device(param: &Tensor) -> Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_that_the_kernels_do_not_support_use_single_operations() {
        let of = |kind, device| Tensor::zeros([2, 3], (kind, device));
        let param = of(Kind::Float, Device::Cpu);
        let state = |exp_avg_sq: Tensor| AdamState { exp_avg_sq, ..AdamState::new(&param, false).unwrap() };
        let transposed = Tensor::zeros([3, 2], (Kind::Float, Device::Cpu)).transpose(0, 1);
        for (param, grad, state, supported) in [
            (&param, Tensor::new(), None, true),
            (&param, param.zeros_like(), Some(state(param.zeros_like())), true),
            (&param, transposed.shallow_clone(), None, false),
            (&param, param.to_sparse_sparse_dim(2), None, false),
            (&param, of(Kind::Double, Device::Cpu), None, false),
            (&param, param.zeros_like(), Some(state(transposed.shallow_clone())), false),
            (&of(Kind::Int64, Device::Cpu), Tensor::new(), None, false),
        ] {
            assert_eq!(is_supported(param, &grad, state.as_ref()), supported, "{param:?} {grad:?}");
        }
        assert!(!is_default(&[param], &[None]), "on the CPU the bits of single operations are the default");
    }
}
