//! WebAssembly SIMD: vectors of 4 numbers. A browser's compiler maps them to 16 or 32 registers.
//!
//! There is no fused multiply-add (only the relaxed instructions have one, with results that depend on the CPU). All bits
//! are those of the portable set.

use std::arch::wasm32::*;

use super::{Simd, simd_methods};

#[derive(Clone, Copy)]
pub(crate) struct Simd128;

type V = v128;

impl Simd for Simd128 {
    type V = V;

    const LANES: usize = 4;
    const TILE_VECTORS: usize = 2;
    const TILE_ROWS: [usize; 4] = [8, 6, 0, 0];
    const DOT_TILE: (usize, usize) = (3, 3);

    simd_methods! {
        fn splat(x: f32) -> V = f32x4_splat(x);
        fn load(ptr: *const f32) -> V = v128_load(ptr.cast());
        fn store(ptr: *mut f32, x: V) -> () = v128_store(ptr.cast(), x);
        fn add(x: V, y: V) -> V = f32x4_add(x, y);
        fn sub(x: V, y: V) -> V = f32x4_sub(x, y);
        fn mul(x: V, y: V) -> V = f32x4_mul(x, y);
        /// `f32x4_pmin(y, x)` is `if x < y { x } else { y }`.
        fn min(x: V, y: V) -> V = f32x4_pmin(y, x);
        fn max(x: V, y: V) -> V = f32x4_pmax(y, x);
        fn fma(x: V, y: V, z: V) -> V = f32x4_add(f32x4_mul(x, y), z);
        fn fnma(x: V, y: V, z: V) -> V = f32x4_sub(z, f32x4_mul(x, y));
        fn recip(x: V) -> V = f32x4_div(f32x4_splat(1.0), x);
        fn abs(x: V) -> V = f32x4_abs(x);
        fn round(x: V) -> V = f32x4_nearest(x);
        /// In two steps, because 2^n alone may overflow or underflow. The bits of n + 1.5 * 2^23 are those of 1.5 * 2^23,
        /// plus n. The conversion instruction is slower on x86, because it also handles NaN and large numbers.
        fn scale(x: V, n: V) -> V = {
            let magic = f32x4_splat(12_582_912.0);
            let n = i32x4_sub(f32x4_add(n, magic), magic);
            let half = i32x4_shr(n, 1);
            let power = |n| i32x4_shl(i32x4_add(n, i32x4_splat(127)), 23);
            f32x4_mul(f32x4_mul(x, power(half)), power(i32x4_sub(n, half)))
        };
        fn select_lt(x: V, y: V, yes: V, no: V) -> V = v128_bitselect(yes, no, f32x4_lt(x, y));
        fn select_le(x: V, y: V, yes: V, no: V) -> V = v128_bitselect(yes, no, f32x4_le(x, y));
        fn sum(x: V) -> f32 =
            (f32x4_extract_lane::<0>(x) + f32x4_extract_lane::<1>(x)) + (f32x4_extract_lane::<2>(x) + f32x4_extract_lane::<3>(x));
    }
}
