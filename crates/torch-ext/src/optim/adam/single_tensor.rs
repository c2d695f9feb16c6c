//! `_single_tensor_adam` of torch/optim/adam.py, operation by operation, for every kind of tensor.

use tch::Tensor;

use super::options::{AdamOptions, AdamState, BiasCorrected, reject_sparse};
use crate::error::Result;
use crate::optim::ops;
use crate::optim::optimizer::update_each;

/// Updates `param` in place from `grad`.
pub(super) fn update(
    options: &AdamOptions,
    param: &mut Tensor,
    grad: &Tensor,
    state: &mut Option<AdamState>,
) -> Result<()> {
    reject_sparse(grad)?;
    let AdamOptions { lr, betas: (beta1, beta2), eps, weight_decay, .. } = *options;
    let state = AdamState::get_or_new(param, state, options.amsgrad)?;
    let mut grad = if options.maximize { grad.f_neg()? } else { grad.shallow_clone() };

    state.step += 1;
    if weight_decay != 0.0 {
        if options.decoupled_weight_decay {
            let _ = param.f_mul_scalar_(1.0 - lr * weight_decay)?;
        } else {
            grad = ops::add(&grad, param, weight_decay)?;
        }
    }

    let _ = state.exp_avg.f_lerp_(&grad, 1.0 - beta1)?;
    let _ = state.exp_avg_sq.f_mul_scalar_(beta2)?;
    ops::addcmul_(&mut state.exp_avg_sq, &grad, &grad, 1.0 - beta2)?;

    let corrected = BiasCorrected::at(state.step, options);
    let second_moment = match &mut state.max_exp_avg_sq {
        Some(max) => {
            let larger = max.f_maximum(&state.exp_avg_sq)?;
            max.f_copy_(&larger)?;
            max
        }
        None => &mut state.exp_avg_sq,
    };
    let mut denom = second_moment.f_sqrt()?.f_div_scalar(corrected.denom)?;
    let _ = denom.f_add_scalar_(eps)?;
    ops::addcdiv_(param, &state.exp_avg, &denom, -corrected.step_size)
}

/// Updates every parameter that has a gradient.
pub(super) fn update_group(
    options: &AdamOptions,
    params: &mut [Tensor],
    states: &mut [Option<AdamState>],
) -> Result<()> {
    update_each(params, states, |param, grad, state| update(options, param, grad, state))
}
