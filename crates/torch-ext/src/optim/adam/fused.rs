//! Adam by libtorch's fused kernels, one call for all parameters: `_fused_adam` of torch/optim/adam.py.

use std::ptr;

use tch::{Device, Kind, Tensor};

use super::{AdamOptions, AdamState, refuse_sparse};
use crate::error::{Error, Result};
use crate::ffi::{self, FusedAdamOptions, FusedAdamSlot};

/// Whether the kernels do the work without being asked for: on a GPU, which takes longer to be told of an operation than to
/// compute it. (Python's default there, `foreach=True`, is a dozen calls for all parameters; this is one.) Elsewhere, and where
/// they would refuse what single operations take, the answer is no.
pub(super) fn are_better(params: &[Tensor], states: &[Option<AdamState>]) -> bool {
    params.iter().all(|param| param.device().is_cuda())
        && params.iter().zip(states).all(|(param, state)| fits(param, &param.grad(), state.as_ref()))
}

/// Whether all tensors lie in memory alike (`check_fast_path_restrictions` of libtorch's ForeachUtils.h).
fn fits(param: &Tensor, grad: &Tensor, state: Option<&AdamState>) -> bool {
    let alike = |other: &Tensor| {
        !other.is_sparse()
            && (other.kind(), other.size(), other.stride()) == (param.kind(), param.size(), param.stride())
    };
    let averages = |state: &AdamState| {
        alike(&state.exp_avg) && alike(&state.exp_avg_sq) && state.max_exp_avg_sq.as_ref().is_none_or(alike)
    };
    !param.is_sparse()
        && check_is_supported(param).is_ok()
        && (!grad.defined() || alike(grad))
        && state.is_none_or(averages)
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_operations_keep_what_the_kernels_would_refuse() {
        let of = |kind, device| Tensor::zeros([2, 3], (kind, device));
        let param = of(Kind::Float, Device::Cpu);
        let state = |exp_avg_sq: Tensor| AdamState { exp_avg_sq, ..AdamState::new(&param, false).unwrap() };
        let turned = Tensor::zeros([3, 2], (Kind::Float, Device::Cpu)).transpose(0, 1);
        for (param, grad, state, fit) in [
            (&param, Tensor::new(), None, true),
            (&param, param.zeros_like(), Some(state(param.zeros_like())), true),
            (&param, turned.shallow_clone(), None, false),
            (&param, param.to_sparse_sparse_dim(2), None, false),
            (&param, of(Kind::Double, Device::Cpu), None, false),
            (&param, param.zeros_like(), Some(state(turned.shallow_clone())), false),
            (&of(Kind::Int64, Device::Cpu), Tensor::new(), None, false),
        ] {
            assert_eq!(fits(param, &grad, state.as_ref()), fit, "{param:?} {grad:?}");
        }
        assert!(!are_better(&[param], &[None]), "the CPU's bits are those of single operations");
    }
}
