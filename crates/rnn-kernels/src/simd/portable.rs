//! Plain Rust, four numbers at a time: what any compiler turns into the vectors of its target.

use super::Simd;

#[derive(Clone, Copy)]
pub(crate) struct Portable;

#[inline(always)]
fn map(x: [f32; 4], f: impl Fn(f32) -> f32) -> [f32; 4] {
    [f(x[0]), f(x[1]), f(x[2]), f(x[3])]
}

#[inline(always)]
fn zip(x: [f32; 4], y: [f32; 4], f: impl Fn(f32, f32) -> f32) -> [f32; 4] {
    [f(x[0], y[0]), f(x[1], y[1]), f(x[2], y[2]), f(x[3], y[3])]
}

#[inline(always)]
fn choose(which: impl Fn(usize) -> bool, yes: [f32; 4], no: [f32; 4]) -> [f32; 4] {
    std::array::from_fn(|i| if which(i) { yes[i] } else { no[i] })
}

impl Simd for Portable {
    type V = [f32; 4];

    const LANES: usize = 4;
    const TILE_VECTORS: usize = 2;
    const TILE_ROWS: [usize; 4] = [8, 6, 0, 0];
    const DOTS: (usize, usize) = (3, 3);

    #[inline(always)]
    unsafe fn splat(x: f32) -> [f32; 4] {
        [x; 4]
    }

    #[inline(always)]
    unsafe fn load(at: *const f32) -> [f32; 4] {
        // SAFETY: the caller lets four numbers be read from here.
        unsafe { at.cast::<[f32; 4]>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn store(at: *mut f32, x: [f32; 4]) {
        // SAFETY: the caller lets four numbers be written here.
        unsafe { at.cast::<[f32; 4]>().write_unaligned(x) }
    }

    #[inline(always)]
    unsafe fn add(x: [f32; 4], y: [f32; 4]) -> [f32; 4] {
        zip(x, y, |x, y| x + y)
    }

    #[inline(always)]
    unsafe fn sub(x: [f32; 4], y: [f32; 4]) -> [f32; 4] {
        zip(x, y, |x, y| x - y)
    }

    #[inline(always)]
    unsafe fn mul(x: [f32; 4], y: [f32; 4]) -> [f32; 4] {
        zip(x, y, |x, y| x * y)
    }

    #[inline(always)]
    unsafe fn min(x: [f32; 4], y: [f32; 4]) -> [f32; 4] {
        zip(x, y, |x, y| if x < y { x } else { y })
    }

    #[inline(always)]
    unsafe fn max(x: [f32; 4], y: [f32; 4]) -> [f32; 4] {
        zip(x, y, |x, y| if x > y { x } else { y })
    }

    #[inline(always)]
    unsafe fn fma(x: [f32; 4], y: [f32; 4], z: [f32; 4]) -> [f32; 4] {
        zip(zip(x, y, |x, y| x * y), z, |xy, z| xy + z) // mul_add is a call where the CPU has no instruction for it
    }

    #[inline(always)]
    unsafe fn fnma(x: [f32; 4], y: [f32; 4], z: [f32; 4]) -> [f32; 4] {
        zip(zip(x, y, |x, y| x * y), z, |xy, z| z - xy)
    }

    #[inline(always)]
    unsafe fn recip(x: [f32; 4]) -> [f32; 4] {
        map(x, |x| 1.0 / x)
    }

    #[inline(always)]
    unsafe fn abs(x: [f32; 4]) -> [f32; 4] {
        map(x, f32::abs)
    }

    /// Adding 1.5 * 2^23 leaves no bits for a fraction.
    #[inline(always)]
    unsafe fn round(x: [f32; 4]) -> [f32; 4] {
        map(x, |x| (x + 12_582_912.0) - 12_582_912.0)
    }

    /// In two steps: 2^n alone may be out of range.
    #[inline(always)]
    unsafe fn scale(x: [f32; 4], n: [f32; 4]) -> [f32; 4] {
        let power = |n: i32| f32::from_bits((n.wrapping_add(127) as u32) << 23);
        zip(x, n, |x, n| {
            let n = n as i32;
            x * power(n >> 1) * power(n - (n >> 1))
        })
    }

    #[inline(always)]
    unsafe fn select_lt(x: [f32; 4], y: [f32; 4], yes: [f32; 4], no: [f32; 4]) -> [f32; 4] {
        choose(|i| x[i] < y[i], yes, no)
    }

    #[inline(always)]
    unsafe fn select_le(x: [f32; 4], y: [f32; 4], yes: [f32; 4], no: [f32; 4]) -> [f32; 4] {
        choose(|i| x[i] <= y[i], yes, no)
    }

    #[inline(always)]
    unsafe fn sum(x: [f32; 4]) -> f32 {
        (x[0] + x[1]) + (x[2] + x[3])
    }
}
