//! How libtorch rounds on this CPU.
//!
//! Before its first use, each [`Rounding`] is tried on numbers whose results depend on it, and compared with libtorch's own
//! operations. This takes about 0.1 ms, once per process.

use std::sync::OnceLock;

use tch::Tensor;

use super::one_pass::{self, Rounding};
use super::options::AdamOptions;
use super::single_tensor;
use crate::error::Result;
use crate::optim::ops;

const ALL: [Rounding; 4] = [
    Rounding { lerp: true, addcmul: true },
    Rounding { lerp: false, addcmul: false },
    Rounding { lerp: true, addcmul: false },
    Rounding { lerp: false, addcmul: true },
];

/// The rounding with the bits of libtorch's operations, or `None` if there is none. Gradient mode must be off.
pub(super) fn of_libtorch() -> Option<Rounding> {
    static FOUND: OnceLock<Option<Rounding>> = OnceLock::new();
    *FOUND.get_or_init(find)
}

fn find() -> Option<Rounding> {
    let expected = trial(None).ok()?;
    ALL.into_iter().find(|rounding| trial(Some(*rounding)).is_ok_and(|bits| bits == expected))
}

/// The bits of the parameters and states after three steps; `None` uses libtorch's operations.
///
/// The sizes have a remainder for any vector length, and the weight of `lerp_` is once small and once large.
fn trial(rounding: Option<Rounding>) -> Result<Vec<u32>> {
    let mut bits = Vec::new();
    for betas in [(0.9, 0.999), (0.3, 0.9)] {
        let options = AdamOptions { lr: 0.01, betas, ..AdamOptions::default() };
        let mut params = [1i64, 45, 131].map(|numel| numbers(numel, 1).set_requires_grad(true));
        let mut states = [None, None, None];
        for step in 1..=3 {
            for param in &mut params {
                let grad = numbers(param.numel() as i64, 7 * step);
                ops::set_grad(param, &grad)?;
            }
            match rounding {
                Some(rounding) => one_pass::update_group(&options, rounding, &mut params, &mut states)?,
                None => single_tensor::update_group(&options, &mut params, &mut states)?,
            }
        }
        for (param, state) in params.iter().zip(states.iter().flatten()) {
            for tensor in [param, &state.exp_avg, &state.exp_avg_sq] {
                bits.extend(Vec::<f32>::try_from(tensor.f_detach()?)?.into_iter().map(f32::to_bits));
            }
        }
    }
    Ok(bits)
}

/// Positive and negative numbers from 2^-20 to 2^3 with pseudorandom bits.
fn numbers(n: i64, seed: i64) -> Tensor {
    let number = |i: i64| {
        let mixed = ((i + 1000 * seed) as u32).wrapping_mul(0x9e37_79b9);
        let mixed = (mixed ^ (mixed >> 15)).wrapping_mul(0x85eb_ca6b);
        let exponent = 107 + (mixed >> 24) % 23;
        f32::from_bits((mixed & 0x807f_ffff) | (exponent << 23))
    };
    Tensor::from_slice(&(0..n).map(number).collect::<Vec<f32>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_rounding_has_the_bits_of_libtorch() {
        let _guard = tch::no_grad_guard();
        let found = find().unwrap();
        let expected = trial(None).unwrap();
        for rounding in ALL {
            assert_eq!(trial(Some(rounding)).unwrap() == expected, rounding == found, "{rounding:?}");
        }
    }
}
