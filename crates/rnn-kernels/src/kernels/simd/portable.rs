//! Plain Rust on arrays of four numbers. Compilers turn the arrays into vectors of their target.

use super::{Simd, simd_methods};

#[derive(Clone, Copy)]
pub(crate) struct Portable;

type V = [f32; 4];

#[inline(always)]
fn zip(x: V, y: V, f: impl Fn(f32, f32) -> f32) -> V {
    [f(x[0], y[0]), f(x[1], y[1]), f(x[2], y[2]), f(x[3], y[3])]
}

#[inline(always)]
fn select(condition: impl Fn(usize) -> bool, yes: V, no: V) -> V {
    std::array::from_fn(|i| if condition(i) { yes[i] } else { no[i] })
}

impl Simd for Portable {
    type V = V;

    const LANES: usize = 4;
    const TILE_VECTORS: usize = 2;
    const TILE_ROWS: [usize; 4] = [8, 6, 0, 0];
    const DOT_TILE: (usize, usize) = (3, 3);

    simd_methods! {
        fn splat(x: f32) -> V = [x; 4];
        fn load(ptr: *const f32) -> V = ptr.cast::<V>().read_unaligned();
        fn store(ptr: *mut f32, x: V) -> () = ptr.cast::<V>().write_unaligned(x);
        fn add(x: V, y: V) -> V = zip(x, y, |x, y| x + y);
        fn sub(x: V, y: V) -> V = zip(x, y, |x, y| x - y);
        fn mul(x: V, y: V) -> V = zip(x, y, |x, y| x * y);
        fn min(x: V, y: V) -> V = zip(x, y, |x, y| if x < y { x } else { y });
        fn max(x: V, y: V) -> V = zip(x, y, |x, y| if x > y { x } else { y });
        /// Rounds twice: `f32::mul_add` is a slow function call on a CPU without the instruction.
        fn fma(x: V, y: V, z: V) -> V = zip(zip(x, y, |x, y| x * y), z, |xy, z| xy + z);
        fn fnma(x: V, y: V, z: V) -> V = zip(zip(x, y, |x, y| x * y), z, |xy, z| z - xy);
        fn div(x: V, y: V) -> V = zip(x, y, |x, y| x / y);
        fn to_exponent(x: V) -> V = x.map(|x| f32::from_bits(x.to_bits() << 23));
        fn select_le(x: V, y: V, yes: V, no: V) -> V = select(|i| x[i] <= y[i], yes, no);
        fn sum(x: V) -> f32 = (x[0] + x[1]) + (x[2] + x[3]);
    }
}
