//! Vectors of f32: what the kernels are written in. One type per instruction set.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;

#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::Avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) use avx512::Avx512;
#[cfg(target_arch = "aarch64")]
pub(crate) use neon::Neon;
pub(crate) use portable::Portable;

/// Arithmetic on `LANES` numbers at once.
///
/// Comparisons keep NaN: `min` and `max` return their second operand when one is NaN, `select_lt` and `select_le` their
/// last argument.
///
/// # Safety
/// Every method may be called only on a CPU that has the instruction set; [`crate::InstructionSet`] sees to that. `load`
/// and `store` touch `LANES` numbers from `at` on.
pub(crate) trait Simd: Copy {
    type V: Copy;

    /// Numbers in a vector.
    const LANES: usize;

    /// Vectors in the widest tile of a matrix product.
    const TILE_VECTORS: usize;

    /// Rows of a tile that is 1, 2, 3, .. vectors wide: as many as there are registers for, for its sums and for the
    /// addresses of its rows.
    const TILE_ROWS: [usize; 4];

    /// Rows and columns of a tile of inner products.
    const DOTS: (usize, usize);

    /// Asks for a cache line that will be read soon; any address will do.
    #[inline(always)]
    unsafe fn prefetch(_at: *const f32) {}

    unsafe fn splat(x: f32) -> Self::V;
    unsafe fn load(at: *const f32) -> Self::V;
    unsafe fn store(at: *mut f32, x: Self::V);
    unsafe fn add(x: Self::V, y: Self::V) -> Self::V;
    unsafe fn sub(x: Self::V, y: Self::V) -> Self::V;
    unsafe fn mul(x: Self::V, y: Self::V) -> Self::V;
    unsafe fn min(x: Self::V, y: Self::V) -> Self::V;
    unsafe fn max(x: Self::V, y: Self::V) -> Self::V;
    /// x y + z, rounded once where the CPU can.
    unsafe fn fma(x: Self::V, y: Self::V, z: Self::V) -> Self::V;
    /// z - x y
    unsafe fn fnma(x: Self::V, y: Self::V, z: Self::V) -> Self::V;
    /// 1 / x for x >= 1, infinity included.
    unsafe fn recip(x: Self::V) -> Self::V;
    unsafe fn abs(x: Self::V) -> Self::V;
    /// To the nearest integer.
    unsafe fn round(x: Self::V) -> Self::V;
    /// x 2^n, for an integer n between -151 and 129: 0 and infinity where the result is out of range.
    unsafe fn scale(x: Self::V, n: Self::V) -> Self::V;
    /// `yes` where x < y, otherwise `no`.
    unsafe fn select_lt(x: Self::V, y: Self::V, yes: Self::V, no: Self::V) -> Self::V;
    /// `yes` where x <= y, otherwise `no`.
    unsafe fn select_le(x: Self::V, y: Self::V, yes: Self::V, no: Self::V) -> Self::V;
    /// The sum of all lanes.
    unsafe fn sum(x: Self::V) -> f32;
}
