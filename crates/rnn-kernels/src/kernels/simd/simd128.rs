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
        fn div(x: V, y: V) -> V = f32x4_div(x, y);
        fn to_exponent(x: V) -> V = i32x4_shl(x, 23);
        fn select_le(x: V, y: V, yes: V, no: V) -> V = v128_bitselect(yes, no, f32x4_le(x, y));
        fn sum(x: V) -> f32 =
            (f32x4_extract_lane::<0>(x) + f32x4_extract_lane::<1>(x)) + (f32x4_extract_lane::<2>(x) + f32x4_extract_lane::<3>(x));
    }
}
