//! exp, sigmoid and tanh of a vector, after Moshier's Cephes library (`expf`, `tanhf`). Errors: 1 or 2 ULP.

use super::simd::Simd;

/// e^x: infinity above 88.73, 0 below -104, NaN for NaN.
///
/// # Safety
/// The CPU supports the instruction set `S`. The same holds for [`sigmoid`] and [`tanh`].
#[inline(always)]
pub(crate) unsafe fn exp<S: Simd>(x: S::V) -> S::V {
    // SAFETY: the caller guarantees that the CPU supports `S`.
    unsafe {
        let x = S::max(S::splat(-104.0), S::min(S::splat(89.0), x));
        // Range reduction: x = n ln 2 + r with |r| <= ln 2 / 2. ln 2 is the sum of two constants; the first has 9 bits,
        // so that its product with n is exact.
        let n = S::round(S::mul(x, S::splat(std::f32::consts::LOG2_E)));
        let r = S::fnma(n, S::splat(0.693_359_4), x);
        let r = S::fnma(n, S::splat(-2.121_944_4e-4), r);
        let mut p = S::splat(1.987_569_1e-4);
        for coefficient in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
            p = S::fma(p, r, S::splat(coefficient));
        }
        let p = S::fma(p, S::mul(r, r), S::add(r, S::splat(1.0)));
        S::scale(p, n)
    }
}

/// 1 / (1 + e^-x)
#[inline(always)]
pub(crate) unsafe fn sigmoid<S: Simd>(x: S::V) -> S::V {
    // SAFETY: the caller guarantees that the CPU supports `S`.
    unsafe { S::recip(S::add(S::splat(1.0), exp::<S>(S::sub(S::splat(0.0), x)))) }
}

/// tanh x: a polynomial for |x| < 0.625, otherwise 1 - 2 / (e^2x + 1).
#[inline(always)]
pub(crate) unsafe fn tanh<S: Simd>(x: S::V) -> S::V {
    // SAFETY: the caller guarantees that the CPU supports `S`.
    unsafe {
        let one = S::splat(1.0);
        let large = S::fnma(S::splat(2.0), S::recip(S::add(exp::<S>(S::add(x, x)), one)), one);
        let square = S::mul(x, x);
        let mut p = S::splat(-5.704_988_7e-3);
        for coefficient in [2.063_908_8e-2, -5.373_971_6e-2, 1.333_144_2e-1, -3.333_328e-1] {
            p = S::fma(p, square, S::splat(coefficient));
        }
        let small = S::fma(S::mul(p, square), x, x);
        S::select_lt(S::abs(x), S::splat(0.625), small, large)
    }
}
