//! NEON: 32 registers of 4 numbers.

use std::arch::aarch64::*;

use super::{Simd, simd_methods};

#[derive(Clone, Copy)]
pub(crate) struct Neon;

type V = float32x4_t;

impl Simd for Neon {
    type V = V;

    const LANES: usize = 4;
    const TILE_VECTORS: usize = 4;
    const TILE_ROWS: [usize; 4] = [12, 12, 8, 6];
    const DOT_TILE: (usize, usize) = (4, 5);

    simd_methods! {
        fn splat(x: f32) -> V = vdupq_n_f32(x);
        fn load(ptr: *const f32) -> V = vld1q_f32(ptr);
        fn store(ptr: *mut f32, x: V) -> () = vst1q_f32(ptr, x);
        fn add(x: V, y: V) -> V = vaddq_f32(x, y);
        fn sub(x: V, y: V) -> V = vsubq_f32(x, y);
        fn mul(x: V, y: V) -> V = vmulq_f32(x, y);
        fn min(x: V, y: V) -> V = vbslq_f32(vcltq_f32(x, y), x, y);
        fn max(x: V, y: V) -> V = vbslq_f32(vcgtq_f32(x, y), x, y);
        fn fma(x: V, y: V, z: V) -> V = vfmaq_f32(z, x, y);
        fn fnma(x: V, y: V, z: V) -> V = vfmsq_f32(z, x, y);
        fn div(x: V, y: V) -> V = vdivq_f32(x, y);
        fn to_exponent(x: V) -> V = vreinterpretq_f32_s32(vshlq_n_s32::<23>(vreinterpretq_s32_f32(x)));
        fn select_le(x: V, y: V, yes: V, no: V) -> V = vbslq_f32(vcleq_f32(x, y), yes, no);
        fn sum(x: V) -> f32 = vaddvq_f32(x);
    }
}
