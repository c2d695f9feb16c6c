//! NEON: 32 registers of 4 numbers.

use std::arch::aarch64::*;

use super::Simd;

#[derive(Clone, Copy)]
pub(crate) struct Neon;

// SAFETY, for every block: the trait's contract, which is the contract of the intrinsics.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Simd for Neon {
    type V = float32x4_t;

    const LANES: usize = 4;
    const TILE_VECTORS: usize = 4;
    const TILE_ROWS: [usize; 4] = [12, 12, 8, 6];
    const DOTS: (usize, usize) = (4, 5);

    #[inline(always)]
    unsafe fn splat(x: f32) -> float32x4_t {
        unsafe { vdupq_n_f32(x) }
    }

    #[inline(always)]
    unsafe fn load(at: *const f32) -> float32x4_t {
        unsafe { vld1q_f32(at) }
    }

    #[inline(always)]
    unsafe fn store(at: *mut f32, x: float32x4_t) {
        unsafe { vst1q_f32(at, x) }
    }

    #[inline(always)]
    unsafe fn add(x: float32x4_t, y: float32x4_t) -> float32x4_t {
        unsafe { vaddq_f32(x, y) }
    }

    #[inline(always)]
    unsafe fn sub(x: float32x4_t, y: float32x4_t) -> float32x4_t {
        unsafe { vsubq_f32(x, y) }
    }

    #[inline(always)]
    unsafe fn mul(x: float32x4_t, y: float32x4_t) -> float32x4_t {
        unsafe { vmulq_f32(x, y) }
    }

    #[inline(always)]
    unsafe fn min(x: float32x4_t, y: float32x4_t) -> float32x4_t {
        unsafe { vbslq_f32(vcltq_f32(x, y), x, y) }
    }

    #[inline(always)]
    unsafe fn max(x: float32x4_t, y: float32x4_t) -> float32x4_t {
        unsafe { vbslq_f32(vcgtq_f32(x, y), x, y) }
    }

    #[inline(always)]
    unsafe fn fma(x: float32x4_t, y: float32x4_t, z: float32x4_t) -> float32x4_t {
        unsafe { vfmaq_f32(z, x, y) }
    }

    #[inline(always)]
    unsafe fn fnma(x: float32x4_t, y: float32x4_t, z: float32x4_t) -> float32x4_t {
        unsafe { vfmsq_f32(z, x, y) }
    }

    #[inline(always)]
    unsafe fn recip(x: float32x4_t) -> float32x4_t {
        unsafe { vdivq_f32(vdupq_n_f32(1.0), x) }
    }

    #[inline(always)]
    unsafe fn abs(x: float32x4_t) -> float32x4_t {
        unsafe { vabsq_f32(x) }
    }

    #[inline(always)]
    unsafe fn round(x: float32x4_t) -> float32x4_t {
        unsafe { vrndnq_f32(x) }
    }

    /// In two steps: 2^n alone may be out of range.
    #[inline(always)]
    unsafe fn scale(x: float32x4_t, n: float32x4_t) -> float32x4_t {
        unsafe {
            let n = vcvtq_s32_f32(n);
            let half = vshrq_n_s32::<1>(n);
            let power = |n| vreinterpretq_f32_s32(vshlq_n_s32::<23>(vaddq_s32(n, vdupq_n_s32(127))));
            vmulq_f32(vmulq_f32(x, power(half)), power(vsubq_s32(n, half)))
        }
    }

    #[inline(always)]
    unsafe fn select_lt(x: float32x4_t, y: float32x4_t, yes: float32x4_t, no: float32x4_t) -> float32x4_t {
        unsafe { vbslq_f32(vcltq_f32(x, y), yes, no) }
    }

    #[inline(always)]
    unsafe fn select_le(x: float32x4_t, y: float32x4_t, yes: float32x4_t, no: float32x4_t) -> float32x4_t {
        unsafe { vbslq_f32(vcleq_f32(x, y), yes, no) }
    }

    #[inline(always)]
    unsafe fn sum(x: float32x4_t) -> f32 {
        unsafe { vaddvq_f32(x) }
    }
}
