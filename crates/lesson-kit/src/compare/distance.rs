//! How far our numbers are from the notebook's.

use pt_file::DType;

use super::reference::Recorded;

/// The elements of a tensor of one of the notebooks' dtypes.
pub(super) enum Elements {
    F32(Vec<f32>),
    F64(Vec<f64>),
    I64(Vec<i64>),
}

/// How far two tensors are apart.
pub(super) struct Distance {
    /// The largest difference of two elements; of integers how many differ.
    pub(super) difference: f64,
    /// The same in units in the last place; `None` for integers.
    pub(super) ulp: Option<u64>,
    /// What [`Tolerance::share`](super::verdict::Tolerance) bounds.
    pub(super) share: f64,
    /// What [`Tolerance::one_by_one`](super::verdict::Tolerance) bounds: the difference of each as a share of the
    /// notebook's. Of floats.
    pub(super) each: Vec<f64>,
}

impl Elements {
    /// Those of `tensor`; `None` if the notebooks have none of its dtype.
    pub(super) fn new(tensor: &pt_file::Tensor) -> Option<Elements> {
        match tensor.dtype() {
            DType::F32 => tensor.to_vec().ok().map(Elements::F32),
            DType::F64 => tensor.to_vec().ok().map(Elements::F64),
            DType::I64 => tensor.to_vec().ok().map(Elements::I64),
            _ => None,
        }
    }

    /// In numpy's words.
    pub(super) fn dtype(&self) -> &'static str {
        match self {
            Elements::F32(_) => "float32",
            Elements::F64(_) => "float64",
            Elements::I64(_) => "int64",
        }
    }

    /// The last one.
    pub(super) fn last(&self) -> Option<String> {
        match self {
            Elements::F32(values) => values.last().map(ToString::to_string),
            Elements::F64(values) => values.last().map(ToString::to_string),
            Elements::I64(values) => values.last().map(ToString::to_string),
        }
    }

    /// `None` if the record has an element that these have not, or none at all.
    pub(super) fn distance(&self, recorded: &Recorded) -> Option<Distance> {
        if recorded.values.is_empty() {
            return None;
        }
        let numbers = || recorded.values.iter().enumerate();
        let at = |index: usize| index.checked_mul(recorded.stride);
        let (mut difference, mut ulp, mut magnitude, mut each) = (0.0f64, 0u64, 0.0f64, Vec::new());
        let mut add = |ours: f64, theirs: f64| {
            difference = larger(difference, (ours - theirs).abs());
            magnitude = magnitude.max(theirs.abs());
            each.push(share_of((ours - theirs).abs(), theirs.abs()));
        };
        match self {
            Elements::F32(ours) => {
                for (index, number) in numbers() {
                    let (ours, theirs) = (*ours.get(at(index)?)?, number.as_f64()? as f32);
                    add(ours.into(), theirs.into());
                    ulp = ulp.max(ordinal(ours.to_bits() as i32).abs_diff(ordinal(theirs.to_bits() as i32)).into());
                }
            }
            Elements::F64(ours) => {
                for (index, number) in numbers() {
                    let (ours, theirs) = (*ours.get(at(index)?)?, number.as_f64()?);
                    add(ours, theirs);
                    ulp = ulp.max(ordinal_64(ours.to_bits() as i64).abs_diff(ordinal_64(theirs.to_bits() as i64)));
                }
            }
            Elements::I64(ours) => {
                let mut unequal = 0;
                for (index, number) in numbers() {
                    unequal += usize::from(*ours.get(at(index)?)? != number.as_i64()?);
                }
                let share = unequal as f64 / recorded.values.len() as f64;
                return Some(Distance { difference: unequal as f64, ulp: None, share, each });
            }
        }
        Some(Distance { difference, ulp: Some(ulp), share: share_of(difference, magnitude), each })
    }
}

/// Of nothing there may be no difference: then it is a share of 0, else infinite.
fn share_of(difference: f64, magnitude: f64) -> f64 {
    if difference == 0.0 { 0.0 } else { difference / magnitude }
}

/// The larger one, or NaN if there is one: a NaN is as far away as can be.
fn larger(a: f64, b: f64) -> f64 {
    if a.is_nan() || a > b { a } else { b }
}

/// Numbers the floats in their order, from the bits of one: neighbours have neighbouring numbers.
fn ordinal(bits: i32) -> i32 {
    if bits < 0 { i32::MIN.wrapping_sub(bits) } else { bits }
}

/// The same for 64 bits.
fn ordinal_64(bits: i64) -> i64 {
    if bits < 0 { i64::MIN.wrapping_sub(bits) } else { bits }
}
