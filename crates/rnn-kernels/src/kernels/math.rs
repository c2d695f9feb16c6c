//! exp, sigmoid and tanh of a vector. Relative errors of sigmoid and tanh: below 4e-7. Results below 2^-126 may be 0.

use super::simd::Simd;

/// 1.5 * 2^23 + 127. In the sum of this number and an integer n the last bit counts 1, so the low bits are n + 127: the
/// exponent bits of 2^n.
const EXPONENT_OFFSET: f32 = 12_583_039.0;

/// e^x: infinity above 88.38, 0 below -87.69, NaN for NaN.
///
/// # Safety
/// The CPU supports the instruction set `S`. The same holds for the other functions of this module.
#[inline(always)]
pub(crate) unsafe fn exp<S: Simd>(x: S::V) -> S::V {
    // SAFETY: the caller guarantees that the CPU supports `S`.
    unsafe {
        let (power, r) = reduce::<S>(S::max(S::splat(-88.0), S::min(S::splat(89.0), x)));
        S::mul(S::fma(polynomial::<S>(r), S::mul(r, r), S::add(r, S::splat(1.0))), power)
    }
}

/// 1 / (1 + e^-x)
#[inline(always)]
pub(crate) unsafe fn sigmoid<S: Simd>(x: S::V) -> S::V {
    // SAFETY: the caller guarantees that the CPU supports `S`.
    unsafe {
        let one = S::splat(1.0);
        S::div(one, S::add(one, exp::<S>(S::sub(S::splat(0.0), x))))
    }
}

/// tanh x = m / (m + 2) with m = e^2x - 1 = 2^n (e^r - 1) + (2^n - 1), which is as exact near 0 as elsewhere.
#[inline(always)]
pub(crate) unsafe fn tanh<S: Simd>(x: S::V) -> S::V {
    // SAFETY: the caller guarantees that the CPU supports `S`.
    unsafe {
        let (power, r) = reduce::<S>(S::max(S::splat(-40.0), S::min(S::splat(40.0), S::add(x, x))));
        let m = S::fma(S::fma(polynomial::<S>(r), S::mul(r, r), r), power, S::sub(power, S::splat(1.0)));
        S::div(m, S::add(m, S::splat(2.0)))
    }
}

/// Range reduction for e^x = 2^n e^r: 2^n, and r with |r| <= ln 2 / 2. x is between -88 and 89.
#[inline(always)]
unsafe fn reduce<S: Simd>(x: S::V) -> (S::V, S::V) {
    // SAFETY: the caller guarantees that the CPU supports `S`.
    unsafe {
        let offset = S::splat(EXPONENT_OFFSET);
        let shifted = S::fma(x, S::splat(std::f32::consts::LOG2_E), offset); // rounds to the nearest integer
        let n = S::sub(shifted, offset);
        // ln 2 is the sum of two constants (Cody and Waite); the first has 9 bits, so that its product with n is exact.
        let r = S::fnma(n, S::splat(0.693_359_4), x);
        (S::to_exponent(shifted), S::fnma(n, S::splat(-2.121_944_4e-4), r))
    }
}

/// (e^r - 1 - r) / r^2 for |r| <= ln 2 / 2: a minimax polynomial, with an error below 2^-28 of e^r - 1.
#[inline(always)]
unsafe fn polynomial<S: Simd>(r: S::V) -> S::V {
    // SAFETY: the caller guarantees that the CPU supports `S`.
    unsafe {
        let mut p = S::splat(1.991_370_7e-4);
        for coefficient in [1.394_111_7e-3, 8.333_274e-3, 4.166_635_5e-2, 1.666_666_7e-1, 0.5] {
            p = S::fma(p, r, S::splat(coefficient));
        }
        p
    }
}
