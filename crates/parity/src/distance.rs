//! The difference between our numbers and the notebook's.

use pt_file::DType;

use crate::reference::ReferenceQuantity;

/// The elements of a tensor of one of the notebooks' dtypes.
pub(crate) enum Elements {
    F32(Vec<f32>),
    F64(Vec<f64>),
    I64(Vec<i64>),
}

/// The difference between two tensors.
pub(crate) struct Distance {
    /// The largest difference of two elements; for integers the number of elements that differ.
    pub(crate) difference: f64,
    /// The same in units in the last place; `None` for integers.
    pub(crate) ulp: Option<u64>,
    /// The largest difference divided by the notebook's largest magnitude; for integers the share of elements that differ.
    pub(crate) relative: f64,
    /// The relative difference of each element; empty for integers.
    pub(crate) each: Vec<f64>,
}

impl Elements {
    /// The elements of `tensor`; `None` for a dtype that the notebooks do not use.
    pub(crate) fn new(tensor: &pt_file::Tensor) -> Option<Elements> {
        match tensor.dtype() {
            DType::F32 => tensor.to_vec().ok().map(Elements::F32),
            DType::F64 => tensor.to_vec().ok().map(Elements::F64),
            DType::I64 => tensor.to_vec().ok().map(Elements::I64),
            _ => None,
        }
    }

    /// NumPy's name of the dtype.
    pub(crate) fn dtype(&self) -> &'static str {
        match self {
            Elements::F32(_) => "float32",
            Elements::F64(_) => "float64",
            Elements::I64(_) => "int64",
        }
    }

    /// The last element, as the shortest text that reads back as the same number. Very large and very small numbers have an
    /// exponent.
    pub(crate) fn last(&self) -> Option<String> {
        match self {
            Elements::F32(values) => values.last().map(|value| format!("{value:?}")),
            Elements::F64(values) => values.last().map(|value| format!("{value:?}")),
            Elements::I64(values) => values.last().map(ToString::to_string),
        }
    }

    /// Pairs of our number and the notebook's, up to the end of the shorter side. The notebook's numbers are rounded to the
    /// common dtype: the shortest decimal of a float32 is another float64 than the float32 itself.
    pub(crate) fn pairs(&self, recorded: &ReferenceQuantity) -> Vec<(f64, f64)> {
        let ours: Vec<f64> = match self {
            Elements::F32(values) => values.iter().map(|&value| value.into()).collect(),
            Elements::F64(values) => values.clone(),
            Elements::I64(values) => values.iter().map(|&value| value as f64).collect(),
        };
        let rounded = |number: f64| if let Elements::F32(_) = self { f64::from(number as f32) } else { number };
        let theirs = recorded.values.iter().map_while(|number| number.as_f64().map(rounded));
        ours.into_iter().step_by(recorded.stride.max(1)).zip(theirs).collect()
    }

    /// The difference from the notebook's numbers; `None` if elements are missing on one side.
    pub(crate) fn distance(&self, recorded: &ReferenceQuantity) -> Option<Distance> {
        let pairs = self.pairs(recorded);
        if pairs.is_empty() || pairs.len() != recorded.values.len() {
            return None;
        }
        let ulp: Option<u64> = match self {
            Elements::I64(_) => {
                let unequal = pairs.iter().filter(|(ours, theirs)| ours != theirs).count();
                return Some(Distance {
                    difference: unequal as f64,
                    ulp: None,
                    relative: unequal as f64 / pairs.len() as f64,
                    each: Vec::new(),
                });
            }
            Elements::F32(_) => {
                let bits = |value: f64| ordinal((value as f32).to_bits() as i32);
                pairs.iter().map(|&(ours, theirs)| bits(ours).abs_diff(bits(theirs)).into()).max()
            }
            Elements::F64(_) => {
                let bits = |value: f64| ordinal_64(value.to_bits() as i64);
                pairs.iter().map(|&(ours, theirs)| bits(ours).abs_diff(bits(theirs))).max()
            }
        };
        let apart = |&(ours, theirs): &(f64, f64)| (ours - theirs).abs();
        let difference = pairs.iter().map(apart).fold(0.0, larger);
        let magnitude = pairs.iter().fold(0.0f64, |largest, (_, theirs)| largest.max(theirs.abs()));
        let each = pairs.iter().map(|pair| relative(apart(pair), pair.1.abs())).collect();
        Some(Distance { difference, ulp, relative: relative(difference, magnitude), each })
    }
}

/// `difference / magnitude`: 0 for no difference, infinite for a difference from zero.
fn relative(difference: f64, magnitude: f64) -> f64 {
    if difference == 0.0 { 0.0 } else { difference / magnitude }
}

/// The larger number; NaN if one of them is NaN.
pub(crate) fn larger(a: f64, b: f64) -> f64 {
    if a.is_nan() || a > b { a } else { b }
}

/// Maps the bits of a float32 to an integer, so that integers have the order of the floats and adjacent floats differ by 1.
fn ordinal(bits: i32) -> i32 {
    if bits < 0 { i32::MIN.wrapping_sub(bits) } else { bits }
}

/// [`ordinal`] for a float64.
fn ordinal_64(bits: i64) -> i64 {
    if bits < 0 { i64::MIN.wrapping_sub(bits) } else { bits }
}
