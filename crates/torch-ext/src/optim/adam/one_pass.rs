//! Adam for all f32 parameters on a CPU in one pass, with the bits of [`single_tensor`].
//!
//! Small parameters spend their time in the calls, seven operations for each. Here two loops over the elements do the same
//! arithmetic, in the same order and with the same intermediate roundings:
//!
//! ```text
//! m = m + w (g - m)           lerp_, w = 1 - beta1
//! v = beta2 v + (c g) g       mul_, addcmul_, c = 1 - beta2
//! r = sqrt(v)                 sqrt: libtorch's own, because MKL's is not correctly rounded
//! p = p + (a m) / (r / d + eps)   div, add_, addcdiv_, a = -step_size, d = sqrt(bias correction 2)
//! ```
//!
//! It depends on the CPU whether libtorch rounds `m + w (..)` and `.. + (c g) g` once (a fused multiply-add) or twice:
//! [`Rounding`].

use std::sync::{Mutex, PoisonError};
use std::{ptr, slice};

use tch::Tensor;

use super::options::{AdamOptions, AdamState, BiasCorrected};
use super::single_tensor;
use crate::error::Result;
use crate::ffi::{self, AdamTensors};
use crate::parallel;

/// The number of elements that both loops process before the next ones. They stay in the cache. From 2048 elements on, libtorch
/// would compute the square roots on several threads.
const BLOCK: usize = 2040;

/// From this number of elements on, a parameter is split among libtorch's threads (`at::internal::GRAIN_SIZE`).
const PARALLEL: usize = 32768;

/// Which operations of libtorch use a fused multiply-add on this CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rounding {
    /// `lerp_`.
    pub(super) lerp: bool,
    /// `addcmul_`.
    pub(super) addcmul: bool,
}

/// The constants of a step, as f32. `step_size` and `denom` depend on the parameter's step count.
#[derive(Debug, Clone, Copy)]
struct Factors {
    rounding: Rounding,
    weight: f32,
    beta2: f32,
    grad_sq: f32,
    step_size: f32,
    denom: f32,
    eps: f32,
}

impl Factors {
    fn new(options: &AdamOptions, corrected: BiasCorrected, rounding: Rounding) -> Factors {
        let (beta1, beta2) = options.betas;
        Factors {
            rounding,
            weight: (1.0 - beta1) as f32,
            beta2: beta2 as f32,
            grad_sq: (1.0 - beta2) as f32,
            step_size: -corrected.step_size as f32,
            denom: corrected.denom as f32,
            eps: options.eps as f32,
        }
    }
}

/// Updates every parameter that has a gradient. [`single_tensor`] updates those that the loops cannot.
///
/// The options have no weight decay, no `amsgrad` and no `maximize`.
pub(super) fn update_group(
    options: &AdamOptions,
    rounding: Rounding,
    params: &mut [Tensor],
    states: &mut [Option<AdamState>],
) -> Result<()> {
    let mut tensors: Vec<AdamTensors> = params.iter().zip(&*states).map(tensors_of).collect();
    // SAFETY: the pointers belong to tensors in `params` and `states`, which outlive the call; the message comes from the shim.
    unsafe { ffi::check(ffi::te_adam_find_data(tensors.as_mut_ptr(), tensors.len()))? };
    let mut corrected = BiasCorrected::at(1, options);
    let mut block = Block { pieces: Vec::with_capacity(tensors.len()), len: 0 };
    for ((tensors, param), state) in tensors.iter().zip(params).zip(states) {
        match (tensors.grad, &mut *state) {
            (0, _) => {}
            (1, Some(state)) => {
                state.step += 1;
                if corrected.step != state.step {
                    corrected = BiasCorrected::at(state.step, options);
                }
                block.push(tensors, Factors::new(options, corrected, rounding))?;
            }
            _ => single_tensor::update(options, param, &param.grad(), state)?,
        }
    }
    block.update()
}

/// The arguments of the shim for a parameter. Without a state, or with that of amsgrad, the loops cannot update it.
fn tensors_of((param, state): (&Tensor, &Option<AdamState>)) -> AdamTensors {
    let state = state.as_ref().filter(|state| state.max_exp_avg_sq.is_none());
    AdamTensors {
        param: param.as_ptr(),
        exp_avg: state.map_or(ptr::null(), |state| state.exp_avg.as_ptr()),
        exp_avg_sq: state.map_or(ptr::null(), |state| state.exp_avg_sq.as_ptr()),
        grad: 0,
        numel: 0,
        values: [ptr::null_mut(); 4],
    }
}

/// A range of elements of one parameter.
struct Piece {
    /// The first elements of the parameter, its gradient, `exp_avg` and `exp_avg_sq`: `len` each, without overlap.
    values: [*mut f32; 4],
    len: usize,
    factors: Factors,
}

impl Piece {
    /// The elements `begin..begin + len`, which must exist.
    fn new(tensors: &AdamTensors, factors: Factors, begin: usize, len: usize) -> Piece {
        debug_assert!(begin + len <= tensors.numel as usize);
        // `wrapping_add` needs no `unsafe`; the result is in bounds, because all four have `numel` elements.
        Piece { values: tensors.values.map(|first| first.wrapping_add(begin)), len, factors }
    }
}

/// Pieces of small parameters, until they have [`BLOCK`] elements together.
struct Block {
    pieces: Vec<Piece>,
    /// The elements of all pieces.
    len: usize,
}

impl Block {
    /// Adds a parameter. Updates the pieces as soon as the block is full.
    fn push(&mut self, tensors: &AdamTensors, factors: Factors) -> Result<()> {
        let numel = tensors.numel as usize;
        if numel >= PARALLEL {
            return update_in_parallel(tensors, factors);
        }
        let mut begin = 0;
        while begin < numel {
            let len = (numel - begin).min(BLOCK - self.len);
            self.pieces.push(Piece::new(tensors, factors, begin, len));
            self.len += len;
            begin += len;
            if self.len == BLOCK {
                self.update()?;
            }
        }
        Ok(())
    }

    /// Updates the pieces and removes them.
    fn update(&mut self) -> Result<()> {
        let updated = update_pieces(&self.pieces);
        self.pieces.clear();
        self.len = 0;
        updated
    }
}

/// Updates a large parameter on libtorch's threads.
fn update_in_parallel(tensors: &AdamTensors, factors: Factors) -> Result<()> {
    struct Shared<'a>(&'a AdamTensors);
    // SAFETY: each task uses other elements (`piece` with its own `block`), and the four tensors do not overlap.
    unsafe impl Sync for Shared<'_> {}

    impl Shared<'_> {
        fn piece(&self, factors: Factors, block: usize) -> Piece {
            let begin = block * BLOCK;
            Piece::new(self.0, factors, begin, (self.0.numel as usize - begin).min(BLOCK))
        }
    }

    let (shared, failed) = (Shared(tensors), Mutex::new(Ok(())));
    parallel::for_each((tensors.numel as usize).div_ceil(BLOCK), |block| {
        if let Err(error) = update_pieces(&[shared.piece(factors, block)]) {
            *failed.lock().unwrap_or_else(PoisonError::into_inner) = Err(error);
        }
    })?;
    failed.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Updates pieces of at most [`BLOCK`] elements together.
fn update_pieces(pieces: &[Piece]) -> Result<()> {
    let len = pieces.iter().map(|piece| piece.len).sum();
    if len == 0 {
        return Ok(());
    }
    let mut roots = [0f32; BLOCK];
    let mut rest = &mut roots[..len];
    for Piece { values: [_, grad, exp_avg, exp_avg_sq], len, factors } in pieces {
        let (out, others) = rest.split_at_mut(*len);
        rest = others;
        // SAFETY: `te_adam_find_data` found `numel` contiguous floats for each tensor, none of them shared, and `Piece::new` keeps
        // within them. The tensors outlive the call of `update_group`. No other thread uses this range meanwhile.
        unsafe {
            let grad = slice::from_raw_parts(*grad, *len);
            let exp_avg = slice::from_raw_parts_mut(*exp_avg, *len);
            let exp_avg_sq = slice::from_raw_parts_mut(*exp_avg_sq, *len);
            moments(factors, grad, exp_avg, exp_avg_sq, out);
        }
    }
    // SAFETY: `roots` has at least `len` floats, and the message comes from the shim. Any thread may call this function.
    unsafe { ffi::check(ffi::te_sqrt(roots.as_mut_ptr(), len as i64))? };
    let mut rest = &roots[..len];
    for Piece { values: [param, _, exp_avg, _], len, factors } in pieces {
        let (roots, others) = rest.split_at(*len);
        rest = others;
        // SAFETY: as above.
        let (exp_avg, param) =
            unsafe { (slice::from_raw_parts(*exp_avg, *len), slice::from_raw_parts_mut(*param, *len)) };
        apply(factors, roots, exp_avg, param);
    }
    Ok(())
}

/// Compiles a function twice, for AVX2 with FMA and for every CPU, and calls the one that this CPU supports. Both round in the
/// same way: Rust does not contract `a * b + c` into a fused multiply-add.
macro_rules! for_this_cpu {
    ($(#[$doc:meta])* fn $name:ident($($arg:ident: $type:ty),*) $body:block) => {
        $(#[$doc])*
        fn $name($($arg: $type),*) {
            #[inline(always)]
            fn body($($arg: $type),*) $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,fma")]
                fn avx2($($arg: $type),*) { body($($arg),*) }

                if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                    // SAFETY: the CPU has both features.
                    return unsafe { avx2($($arg),*) };
                }
            }
            body($($arg),*)
        }
    };
}

for_this_cpu! {
    /// Updates the running averages, and copies `exp_avg_sq` to `out`, for the square roots.
    fn moments(factors: &Factors, grad: &[f32], exp_avg: &mut [f32], exp_avg_sq: &mut [f32], out: &mut [f32]) {
        match factors.rounding {
            Rounding { lerp: true, addcmul: true } => moments_as::<true, true>(factors, grad, exp_avg, exp_avg_sq, out),
            Rounding { lerp: true, addcmul: false } => moments_as::<true, false>(factors, grad, exp_avg, exp_avg_sq, out),
            Rounding { lerp: false, addcmul: true } => moments_as::<false, true>(factors, grad, exp_avg, exp_avg_sq, out),
            Rounding { lerp: false, addcmul: false } => moments_as::<false, false>(factors, grad, exp_avg, exp_avg_sq, out),
        }
    }
}

#[inline(always)]
fn moments_as<const LERP: bool, const ADDCMUL: bool>(
    factors: &Factors,
    grad: &[f32],
    exp_avg: &mut [f32],
    exp_avg_sq: &mut [f32],
    out: &mut [f32],
) {
    let Factors { weight, beta2, grad_sq, .. } = *factors;
    // at::native::lerp starts from the nearer end.
    let near = weight.abs() < 0.5;
    let weight = if near { weight } else { weight - 1.0 };
    // The compiler uses vectors only if it sees that all lengths are equal.
    let n = grad.len();
    let (exp_avg, exp_avg_sq, out) = (&mut exp_avg[..n], &mut exp_avg_sq[..n], &mut out[..n]);
    for i in 0..n {
        let (g, m, v) = (grad[i], exp_avg[i], exp_avg_sq[i]);
        exp_avg[i] = multiply_add::<LERP>(weight, g - m, if near { m } else { g });
        let v = multiply_add::<ADDCMUL>(grad_sq * g, g, v * beta2);
        (exp_avg_sq[i], out[i]) = (v, v);
    }
}

#[inline(always)]
fn multiply_add<const FUSED: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FUSED { a.mul_add(b, c) } else { c + a * b }
}

for_this_cpu! {
    /// Updates the parameter. `roots` are the square roots of `exp_avg_sq`.
    fn apply(factors: &Factors, roots: &[f32], exp_avg: &[f32], param: &mut [f32]) {
        let Factors { step_size, denom, eps, .. } = *factors;
        for ((p, m), root) in param.iter_mut().zip(exp_avg).zip(roots) {
            *p += (step_size * *m) / (*root / denom + eps);
        }
    }
}
