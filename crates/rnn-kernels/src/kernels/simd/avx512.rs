//! AVX-512F: 32 registers of 16 numbers.

use std::arch::x86_64::*;

use super::{Simd, simd_methods};

#[derive(Clone, Copy)]
pub(crate) struct Avx512;

type V = __m512;

impl Simd for Avx512 {
    type V = V;

    const LANES: usize = 16;
    const TILE_VECTORS: usize = 4;
    const TILE_ROWS: [usize; 4] = [8, 8, 8, 6];
    const DOT_TILE: (usize, usize) = (3, 5);

    simd_methods! {
        fn prefetch(ptr: *const f32) -> () = _mm_prefetch::<_MM_HINT_T1>(ptr.cast());
        fn splat(x: f32) -> V = _mm512_set1_ps(x);
        fn load(ptr: *const f32) -> V = _mm512_loadu_ps(ptr);
        fn store(ptr: *mut f32, x: V) -> () = _mm512_storeu_ps(ptr, x);
        fn add(x: V, y: V) -> V = _mm512_add_ps(x, y);
        fn sub(x: V, y: V) -> V = _mm512_sub_ps(x, y);
        fn mul(x: V, y: V) -> V = _mm512_mul_ps(x, y);
        fn min(x: V, y: V) -> V = _mm512_min_ps(x, y);
        fn max(x: V, y: V) -> V = _mm512_max_ps(x, y);
        fn fma(x: V, y: V, z: V) -> V = _mm512_fmadd_ps(x, y, z);
        fn fnma(x: V, y: V, z: V) -> V = _mm512_fnmadd_ps(x, y, z);
        /// The instruction takes 16 cycles or more on some CPUs. A 14-bit reciprocal and one Newton step on the quotient
        /// take 4, and nearly always round correctly.
        fn div(x: V, y: V) -> V = {
            let reciprocal = _mm512_rcp14_ps(y);
            let quotient = _mm512_mul_ps(x, reciprocal);
            let remainder = _mm512_fnmadd_ps(quotient, y, x);
            let finite = _mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(y, _mm512_set1_ps(f32::INFINITY)); // avoids infinity * 0
            _mm512_mask3_fmadd_ps(remainder, reciprocal, quotient, finite)
        };
        fn to_exponent(x: V) -> V = _mm512_castsi512_ps(_mm512_slli_epi32::<23>(_mm512_castps_si512(x)));
        fn select_le(x: V, y: V, yes: V, no: V) -> V =
            _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_LE_OQ>(x, y), no, yes);
        fn sum(x: V) -> f32 = _mm512_reduce_add_ps(x);
    }
}
