//! Adam for all plain parameters in one pass, with the bits that the single operations give.
//!
//! For f32 parameters on a CPU, one operation after the other spends its time on calls, not on numbers: seven a parameter.
//! Here two loops over the elements do the same arithmetic, in the same order and with the same intermediate roundings:
//!
//! ```text
//! m = m + w (g - m)           lerp_, w = 1 - beta1
//! v = beta2 v + (c g) g       mul_, addcmul_, c = 1 - beta2
//! r = sqrt(v)                 sqrt: libtorch's own, MKL's is not the nearest float
//! p = p + (a m) / (r / d + eps)   div, add_, addcdiv_, a = -step_size, d = sqrt(bias correction 2)
//! ```
//!
//! What a CPU decides is whether `m + w (..)` and `.. + (c g) g` are rounded once (a fused multiply-add) or twice. libtorch
//! is asked ([`Rounding::of_libtorch`]); if no way gives the bits of its operations, they do the work.

use std::sync::{Mutex, PoisonError};
use std::{ptr, slice};

use tch::Tensor;

use super::{AdamOptions, AdamState, BiasCorrected};
use crate::error::Result;
use crate::ffi::{self, AdamSlot};
use crate::optim::{Rule, update_each};
use crate::parallel;

mod rounding;

use rounding::Rounding;

/// Elements that go through both loops together: they stay in the cache, and libtorch takes the square roots of so few on
/// the calling thread (it shares 2048 or more).
const BLOCK: usize = 2040;

/// Elements from which a parameter is shared among libtorch's threads, as its operations do (`at::internal::GRAIN_SIZE`).
const SHARED: usize = 32768;

/// The same for every parameter of a step, but for what depends on its step count.
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

/// Updates the parameters that have a gradient: the plain ones here, the others by [`AdamOptions::update`].
pub(super) fn update_group(
    options: &AdamOptions,
    params: &mut [Tensor],
    states: &mut [Option<AdamState>],
) -> Result<()> {
    let plain = options.weight_decay == 0.0 && !options.amsgrad && !options.maximize;
    // The first step, which makes the states, is the operations' in any case.
    let rounding = (plain && states.iter().any(Option::is_some)).then(Rounding::of_libtorch);
    update_plain(options, rounding.flatten(), params, states)
}

fn update_plain(
    options: &AdamOptions,
    rounding: Option<Rounding>,
    params: &mut [Tensor],
    states: &mut [Option<AdamState>],
) -> Result<()> {
    let Some(rounding) = rounding else {
        return update_each(options, params, states);
    };
    let mut slots: Vec<AdamSlot> = params.iter().zip(&*states).map(slot).collect();
    // SAFETY: the tensors live in `params` and `states`; the message comes from the shim.
    unsafe { ffi::check(ffi::te_adam_slots(slots.as_mut_ptr(), slots.len()))? };
    let mut corrected = BiasCorrected::at(1, options);
    let mut pass = Pass { pieces: Vec::with_capacity(slots.len()), len: 0 };
    for ((slot, param), state) in slots.iter().zip(params).zip(states) {
        match (slot.grad, &mut *state) {
            (0, _) => {}
            (1, Some(state)) => {
                state.step += 1;
                if corrected.step != state.step {
                    corrected = BiasCorrected::at(state.step, options);
                }
                pass.push(slot, Factors::new(options, corrected, rounding))?;
            }
            _ => options.update(param, &param.grad(), state)?,
        }
    }
    pass.finish()
}

/// What the shim is asked about a parameter; without a state, or with amsgrad's, it is not for the loops.
fn slot((param, state): (&Tensor, &Option<AdamState>)) -> AdamSlot {
    let state = state.as_ref().filter(|state| state.max_exp_avg_sq.is_none());
    AdamSlot {
        param: param.as_ptr(),
        exp_avg: state.map_or(ptr::null(), |state| state.exp_avg.as_ptr()),
        exp_avg_sq: state.map_or(ptr::null(), |state| state.exp_avg_sq.as_ptr()),
        grad: 0,
        numel: 0,
        values: [ptr::null_mut(); 4],
    }
}

/// A run of elements of one parameter.
struct Piece {
    values: [*mut f32; 4],
    len: usize,
    factors: Factors,
}

impl Piece {
    /// At most [`BLOCK`] elements of a parameter from `begin` on.
    fn new(slot: &AdamSlot, factors: Factors, begin: usize, len: usize) -> Piece {
        // SAFETY: the callers keep `begin + len` within the length of all four.
        Piece { values: slot.values.map(|first| unsafe { first.add(begin) }), len, factors }
    }
}

/// Small parameters, gathered to blocks.
struct Pass {
    pieces: Vec<Piece>,
    /// The elements of all pieces, at most [`BLOCK`].
    len: usize,
}

impl Pass {
    fn push(&mut self, slot: &AdamSlot, factors: Factors) -> Result<()> {
        let numel = slot.numel as usize;
        if numel >= SHARED {
            return update_shared(slot, factors);
        }
        let mut begin = 0;
        while begin < numel {
            let len = (numel - begin).min(BLOCK - self.len);
            self.pieces.push(Piece::new(slot, factors, begin, len));
            self.len += len;
            begin += len;
            if self.len == BLOCK {
                self.finish()?;
            }
        }
        Ok(())
    }

    /// Updates the pieces that have gathered.
    fn finish(&mut self) -> Result<()> {
        let updated = update_block(&self.pieces);
        self.pieces.clear();
        self.len = 0;
        updated
    }
}

/// Updates a large parameter on libtorch's threads.
fn update_shared(slot: &AdamSlot, factors: Factors) -> Result<()> {
    struct Shared<'a>(&'a AdamSlot);
    // SAFETY: each thread takes other elements of the slot, of which no two values share any.
    unsafe impl Sync for Shared<'_> {}

    impl Shared<'_> {
        fn piece(&self, factors: Factors, block: usize) -> Piece {
            let begin = block * BLOCK;
            Piece::new(self.0, factors, begin, (self.0.numel as usize - begin).min(BLOCK))
        }
    }

    let (shared, failed) = (Shared(slot), Mutex::new(Ok(())));
    parallel::for_each((slot.numel as usize).div_ceil(BLOCK), |block| {
        if let Err(error) = update_block(&[shared.piece(factors, block)]) {
            *failed.lock().unwrap_or_else(PoisonError::into_inner) = Err(error);
        }
    })?;
    failed.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Updates pieces of at most [`BLOCK`] elements in all.
fn update_block(pieces: &[Piece]) -> Result<()> {
    let len = pieces.iter().map(|piece| piece.len).sum();
    if len == 0 {
        return Ok(());
    }
    let mut roots = [0f32; BLOCK];
    let mut rest = &mut roots[..len];
    for Piece { values: [_, grad, exp_avg, exp_avg_sq], len, factors } in pieces {
        let (out, others) = rest.split_at_mut(*len);
        rest = others;
        // SAFETY: the shim has said that these are `len` floats each and share none; nobody else uses them now.
        unsafe {
            let grad = slice::from_raw_parts(*grad, *len);
            let exp_avg = slice::from_raw_parts_mut(*exp_avg, *len);
            let exp_avg_sq = slice::from_raw_parts_mut(*exp_avg_sq, *len);
            moments(factors, grad, exp_avg, exp_avg_sq, out);
        }
    }
    // The kernel itself, below libtorch's thread-local settings, so that any thread may call it.
    // SAFETY: `roots` has at least `len` floats; the message comes from the shim.
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

/// Defines a function twice, for AVX2 with FMA and for every CPU, and calls the one that this CPU can run. Rust rounds as
/// it is written in both.
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
                    // SAFETY: the CPU has both.
                    return unsafe { avx2($($arg),*) };
                }
            }
            body($($arg),*)
        }
    };
}

for_this_cpu! {
    /// The running averages; `out` receives what the square roots are to be taken of.
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
    // One length for all, which the compiler needs to use vectors.
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
    /// The step itself; `roots` are those of `exp_avg_sq`.
    fn apply(factors: &Factors, roots: &[f32], exp_avg: &[f32], param: &mut [f32]) {
        let Factors { step_size, denom, eps, .. } = *factors;
        for ((p, m), root) in param.iter_mut().zip(exp_avg).zip(roots) {
            *p += (step_size * *m) / (*root / denom + eps);
        }
    }
}
