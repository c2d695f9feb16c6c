//! AVX2 with FMA: 16 registers of 8 numbers.

use std::arch::x86_64::*;

use super::{Simd, simd_methods};

#[derive(Clone, Copy)]
pub(crate) struct Avx2;

type V = __m256;

impl Simd for Avx2 {
    type V = V;

    const LANES: usize = 8;
    const TILE_VECTORS: usize = 2;
    const TILE_ROWS: [usize; 4] = [12, 6, 0, 0];
    const DOT_TILE: (usize, usize) = (3, 3);

    simd_methods! {
        fn prefetch(ptr: *const f32) -> () = _mm_prefetch::<_MM_HINT_T1>(ptr.cast());
        fn splat(x: f32) -> V = _mm256_set1_ps(x);
        fn load(ptr: *const f32) -> V = _mm256_loadu_ps(ptr);
        fn store(ptr: *mut f32, x: V) -> () = _mm256_storeu_ps(ptr, x);
        fn add(x: V, y: V) -> V = _mm256_add_ps(x, y);
        fn sub(x: V, y: V) -> V = _mm256_sub_ps(x, y);
        fn mul(x: V, y: V) -> V = _mm256_mul_ps(x, y);
        fn min(x: V, y: V) -> V = _mm256_min_ps(x, y);
        fn max(x: V, y: V) -> V = _mm256_max_ps(x, y);
        fn fma(x: V, y: V, z: V) -> V = _mm256_fmadd_ps(x, y, z);
        fn fnma(x: V, y: V, z: V) -> V = _mm256_fnmadd_ps(x, y, z);
        fn div(x: V, y: V) -> V = _mm256_div_ps(x, y);
        fn to_exponent(x: V) -> V = _mm256_castsi256_ps(_mm256_slli_epi32::<23>(_mm256_castps_si256(x)));
        fn select_le(x: V, y: V, yes: V, no: V) -> V = _mm256_blendv_ps(no, yes, _mm256_cmp_ps::<_CMP_LE_OQ>(x, y));
        fn sum(x: V) -> f32 = {
            let four = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps::<1>(x));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
        };
    }
}
