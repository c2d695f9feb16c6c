//! SIMD vectors of f32: the operations that the kernels are written with. One type for each instruction set.

#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;
#[cfg(target_arch = "aarch64")]
pub(crate) mod neon;
pub(crate) mod portable;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
pub(crate) mod simd128;

/// Arithmetic on a vector of `LANES` numbers.
///
/// NaN: `min` and `max` return their second operand if one operand is NaN; `select_le` returns `no`.
///
/// # Safety
/// Every method requires a CPU that supports the instruction set; [`crate::InstructionSet`] checks that. `load` reads
/// and `store` writes the `LANES` numbers that start at `ptr`. The pointer needs no alignment beyond that of f32.
pub(crate) trait Simd: Copy {
    type V: Copy;

    /// Numbers in a vector.
    const LANES: usize;

    /// Width of the widest micro-kernel of a matrix product, in vectors.
    const TILE_VECTORS: usize;

    /// Register blocking: rows of the micro-kernel that is 1, 2, 3, .. vectors wide. The registers hold that many rows
    /// of accumulators and the addresses of the rows.
    const TILE_ROWS: [usize; 4];

    /// Rows and columns of a tile of dot products.
    const DOT_TILE: (usize, usize);

    /// Prefetches a cache line that will be read soon. Any address is allowed.
    #[inline(always)]
    unsafe fn prefetch(_ptr: *const f32) {}

    unsafe fn splat(x: f32) -> Self::V;
    unsafe fn load(ptr: *const f32) -> Self::V;
    unsafe fn store(ptr: *mut f32, x: Self::V);
    unsafe fn add(x: Self::V, y: Self::V) -> Self::V;
    unsafe fn sub(x: Self::V, y: Self::V) -> Self::V;
    unsafe fn mul(x: Self::V, y: Self::V) -> Self::V;
    unsafe fn min(x: Self::V, y: Self::V) -> Self::V;
    unsafe fn max(x: Self::V, y: Self::V) -> Self::V;
    /// x y + z. Fused multiply-add (one rounding) if the CPU has the instruction.
    unsafe fn fma(x: Self::V, y: Self::V, z: Self::V) -> Self::V;
    /// z - x y. Fused if the CPU has the instruction.
    unsafe fn fnma(x: Self::V, y: Self::V, z: Self::V) -> Self::V;
    /// x / y for a finite x and y >= 1, including infinity. NaN if one of them is NaN.
    unsafe fn div(x: Self::V, y: Self::V) -> Self::V;
    /// The low nine bits become the sign and the exponent, and all other bits 0.
    unsafe fn to_exponent(x: Self::V) -> Self::V;
    /// `yes` where x <= y, `no` elsewhere.
    unsafe fn select_le(x: Self::V, y: Self::V, yes: Self::V, no: Self::V) -> Self::V;
    /// The sum of all lanes.
    unsafe fn sum(x: Self::V) -> f32;
}

/// Writes the methods of a [`Simd`] type, one line each: `fn name(arguments) -> type = expression;`.
macro_rules! simd_methods {
    ($($(#[$doc:meta])* fn $name:ident($($argument:ident: $type:ty),*) -> $output:ty = $body:expr;)*) => {
        $($(#[$doc])*
        #[inline(always)]
        #[allow(unused_unsafe)] // the portable methods are safe code
        unsafe fn $name($($argument: $type),*) -> $output {
            // SAFETY: the intrinsics require that the CPU supports the instruction set and, for loads and stores, that
            // the memory of a whole vector is accessible. The contract of `Simd` requires both from the caller.
            unsafe { $body }
        })*
    };
}
pub(crate) use simd_methods;
