//! How libtorch rounds where a CPU leaves the choice: found out by trying, on the machine that computes.
//!
//! Before the first use each way is rehearsed on numbers of which many come out differently, against the operations
//! themselves: some 0.1 ms, once a process.

use std::sync::OnceLock;

use tch::Tensor;

use super::update_plain;
use crate::error::Result;
use crate::optim::{AdamOptions, ops};

/// Where libtorch uses a fused multiply-add on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rounding {
    /// In `lerp_`.
    pub(super) lerp: bool,
    /// In `addcmul_`.
    pub(super) addcmul: bool,
}

impl Rounding {
    /// The rounding that gives the bits of libtorch's operations; `None` if none does, or libtorch refuses. Gradients must
    /// be off.
    pub(super) fn of_libtorch() -> Option<Rounding> {
        static FOUND: OnceLock<Option<Rounding>> = OnceLock::new();
        *FOUND.get_or_init(Rounding::find)
    }

    fn find() -> Option<Rounding> {
        let operations = rehearsal(None).ok()?;
        Rounding::ALL.into_iter().find(|rounding| rehearsal(Some(*rounding)).is_ok_and(|bits| bits == operations))
    }

    const ALL: [Rounding; 4] = [
        Rounding { lerp: true, addcmul: true },
        Rounding { lerp: false, addcmul: false },
        Rounding { lerp: true, addcmul: false },
        Rounding { lerp: false, addcmul: true },
    ];
}

/// Three steps on parameters of sizes with and without a remainder for any vector length, with a small and a large weight
/// of `lerp_`: the bits of all that Adam writes.
fn rehearsal(rounding: Option<Rounding>) -> Result<Vec<u32>> {
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
            update_plain(&options, rounding, &mut params, &mut states)?;
        }
        for (param, state) in params.iter().zip(states.iter().flatten()) {
            for tensor in [param, &state.exp_avg, &state.exp_avg_sq] {
                bits.extend(Vec::<f32>::try_from(tensor.f_detach()?)?.into_iter().map(f32::to_bits));
            }
        }
    }
    Ok(bits)
}

/// Numbers of either sign from 2^-20 to 2^3 with all bits in use.
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
    fn libtorchs_rounding_is_recognised_and_no_other_passes_for_it() {
        let _guard = tch::no_grad_guard();
        let found = Rounding::find().unwrap();
        let operations = rehearsal(None).unwrap();
        for rounding in Rounding::ALL {
            assert_eq!(rehearsal(Some(rounding)).unwrap() == operations, rounding == found, "{rounding:?}");
        }
    }
}
