//! One quantity beside the notebook's.

use pt_file::DType;
use serde::Serialize;
use serde_json::Number;

use super::reference::{Recorded, sha256};
use super::results::Quantity;

/// How close is close enough.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Demand {
    /// Every bit.
    Bits,
    /// For floats the largest difference as a share of the notebook's largest magnitude; for integers the share of
    /// elements that differ.
    Within(f64),
}

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// `losses`.
    pub group: String,
    /// `epoch`.
    pub name: String,
    /// The notebook's value, or for many the first digits of their digest.
    pub notebook: String,
    /// Ours.
    pub here: String,
    /// The largest difference of two elements; of integers how many differ. `None` if nothing could be compared.
    pub difference: Option<f64>,
    /// The same in units in the last place: how many floats lie between, plus one. `None` for integers.
    pub ulp: Option<u64>,
    /// Whether it is as demanded.
    pub ok: bool,
    /// `equal`, `within 1e-5`, or what is off.
    pub verdict: String,
}

/// Compares one of the notebook's quantities with ours.
pub fn compare(recorded: &Recorded, ours: Option<&Quantity>, demand: Demand) -> Row {
    let row = |here: String, difference, ulp, ok, verdict| Row {
        group: recorded.group.clone(),
        name: recorded.name.clone(),
        notebook: shown(&recorded.sha256, recorded.values.first().map(Number::to_string), recorded.shape.is_empty()),
        here,
        difference,
        ulp,
        ok,
        verdict,
    };
    let off = |here: String, what: String| row(here, None, None, false, format!("OFF: {what}"));
    let Some(ours) = ours else { return off("-".to_owned(), "missing here".to_owned()) };
    let (bytes, values) = match (ours.values.to_bytes(), Elements::new(&ours.values)) {
        (Ok(bytes), Some(values)) => (bytes, values),
        _ => return off("-".to_owned(), format!("of dtype {}", ours.values.dtype())),
    };
    let digest = sha256(&bytes);
    let here = shown(&digest, values.text(0), ours.values.shape().is_empty());
    if values.dtype() != recorded.dtype || ours.values.shape() != recorded.shape {
        let (dtype, shape) = (values.dtype(), ours.values.shape());
        return off(here, format!("{dtype} {shape:?} here, {} {:?} there", recorded.dtype, recorded.shape));
    }
    let Some(Distance { difference, ulp, share }) = values.distance(recorded) else {
        return off(here, "the record is broken: it has not the elements that it should".to_owned());
    };
    let (ok, verdict) = match demand {
        _ if digest == recorded.sha256 => (true, "equal".to_owned()),
        Demand::Within(tolerance) if share <= tolerance => (true, format!("within {tolerance:e}")),
        Demand::Within(tolerance) => (false, format!("OFF: not within {tolerance:e}")),
        Demand::Bits if share == 0.0 => (false, "OFF: in elements that the record leaves out".to_owned()),
        Demand::Bits => (false, "OFF".to_owned()),
    };
    row(here, Some(difference), ulp, ok, verdict)
}

/// A row for what the notebook does not have.
pub fn unexpected(ours: &Quantity) -> Row {
    Row {
        group: ours.group.clone(),
        name: ours.name.clone(),
        notebook: "-".to_owned(),
        here: format!("{} {:?}", ours.values.dtype(), ours.values.shape()),
        difference: None,
        ulp: None,
        ok: false,
        verdict: "OFF: missing in the notebook".to_owned(),
    }
}

/// A single number, or the digest of many.
fn shown(digest: &str, first: Option<String>, single: bool) -> String {
    match first {
        Some(value) if single => value,
        _ => digest.chars().take(8).collect(),
    }
}

/// The elements of a tensor of one of the notebooks' dtypes.
enum Elements {
    F32(Vec<f32>),
    F64(Vec<f64>),
    I64(Vec<i64>),
}

/// How far two tensors are apart.
struct Distance {
    difference: f64,
    ulp: Option<u64>,
    /// What [`Demand::Within`] bounds.
    share: f64,
}

impl Elements {
    fn new(tensor: &pt_file::Tensor) -> Option<Elements> {
        match tensor.dtype() {
            DType::F32 => tensor.to_vec().ok().map(Elements::F32),
            DType::F64 => tensor.to_vec().ok().map(Elements::F64),
            DType::I64 => tensor.to_vec().ok().map(Elements::I64),
            _ => None,
        }
    }

    fn dtype(&self) -> &'static str {
        match self {
            Elements::F32(_) => "float32",
            Elements::F64(_) => "float64",
            Elements::I64(_) => "int64",
        }
    }

    fn text(&self, index: usize) -> Option<String> {
        match self {
            Elements::F32(values) => values.get(index).map(ToString::to_string),
            Elements::F64(values) => values.get(index).map(ToString::to_string),
            Elements::I64(values) => values.get(index).map(ToString::to_string),
        }
    }

    /// `None` if the record has an element that these have not, or none at all.
    fn distance(&self, recorded: &Recorded) -> Option<Distance> {
        if recorded.values.is_empty() {
            return None;
        }
        let numbers = || recorded.values.iter().enumerate();
        let at = |index: usize| index.checked_mul(recorded.stride);
        let (mut difference, mut ulp, mut magnitude) = (0.0f64, 0u64, 0.0f64);
        match self {
            Elements::F32(ours) => {
                for (index, number) in numbers() {
                    let (ours, theirs) = (*ours.get(at(index)?)?, number.as_f64()? as f32);
                    difference = difference.max((f64::from(ours) - f64::from(theirs)).abs());
                    ulp = ulp.max(ordinal(ours.to_bits() as i32).abs_diff(ordinal(theirs.to_bits() as i32)).into());
                    magnitude = magnitude.max(f64::from(theirs).abs());
                }
            }
            Elements::F64(ours) => {
                for (index, number) in numbers() {
                    let (ours, theirs) = (*ours.get(at(index)?)?, number.as_f64()?);
                    difference = difference.max((ours - theirs).abs());
                    ulp = ulp.max(ordinal_64(ours.to_bits() as i64).abs_diff(ordinal_64(theirs.to_bits() as i64)));
                    magnitude = magnitude.max(theirs.abs());
                }
            }
            Elements::I64(ours) => {
                let mut unequal = 0;
                for (index, number) in numbers() {
                    unequal += usize::from(*ours.get(at(index)?)? != number.as_i64()?);
                }
                let share = unequal as f64 / recorded.values.len() as f64;
                return Some(Distance { difference: unequal as f64, ulp: None, share });
            }
        }
        let share = if difference == 0.0 { 0.0 } else { difference / magnitude };
        Some(Distance { difference, ulp: Some(ulp), share })
    }
}

/// Numbers the floats in their order, from the bits of one: neighbours have neighbouring numbers.
fn ordinal(bits: i32) -> i32 {
    if bits < 0 { i32::MIN.wrapping_sub(bits) } else { bits }
}

/// The same for 64 bits.
fn ordinal_64(bits: i64) -> i64 {
    if bits < 0 { i64::MIN.wrapping_sub(bits) } else { bits }
}
