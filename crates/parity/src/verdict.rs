//! The comparison of one quantity.

use std::fmt::Display;

use lesson_kit::{Quantity, sha256};
use pt_file::Tensor;
use serde::Serialize;
use serde_json::Number;

use crate::distance::{Distance, Elements, larger};
use crate::reference::ReferenceQuantity;
use crate::tolerances::{FirstLosses, Requirement, Tolerance};

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// For example `losses`.
    pub group: String,
    /// For example `epoch`.
    pub name: String,
    /// The notebook's value; for many values the first digits of their digest.
    pub notebook: String,
    /// Our value, in the same form.
    pub here: String,
    /// The largest difference of two elements; for integers the number of elements that differ. `None` if nothing could be
    /// compared.
    pub difference: Option<f64>,
    /// The same in units in the last place: the number of floats between the two elements, plus one. `None` for integers.
    pub ulp: Option<u64>,
    /// The number that the verdict judges: the largest difference divided by the notebook's largest magnitude; for integers the
    /// share of elements that differ.
    pub relative_difference: Option<f64>,
    /// The largest allowed `relative_difference`: 0 if equal bits are required, `None` if nothing is required.
    pub bound: Option<f64>,
    /// Judged in addition, if each of the first elements has its own bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<FirstElements>,
    /// Whether the requirement is met.
    pub ok: bool,
    /// `equal`, `within 1e-5`, or what is off.
    pub verdict: String,
}

/// The first elements of a quantity, each compared with the notebook's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct FirstElements {
    /// The number of elements.
    pub count: usize,
    /// The largest difference of two elements, divided by the magnitude of the notebook's.
    pub relative_difference: f64,
    /// The largest allowed `relative_difference`.
    pub bound: f64,
}

impl Row {
    /// A row of a quantity that cannot be compared.
    fn off(group: &str, name: &str, [notebook, here]: [String; 2], what: impl Display) -> Row {
        Row {
            group: group.to_owned(),
            name: name.to_owned(),
            notebook,
            here,
            difference: None,
            ulp: None,
            relative_difference: None,
            bound: None,
            first: None,
            ok: false,
            verdict: format!("OFF: {what}"),
        }
    }
}

/// Compares a quantity of the notebook with ours.
pub(crate) fn compare(recorded: &ReferenceQuantity, ours: Option<&Tensor>, requirement: Requirement) -> Row {
    let off = |here: String, what: String| {
        let notebook = shown(recorded, &recorded.sha256, recorded.values.last().map(Number::to_string));
        Row::off(&recorded.group, &recorded.name, [notebook, here], what)
    };
    let Some(ours) = ours else { return off("-".to_owned(), "missing here".to_owned()) };
    let (Ok(bytes), Some(values)) = (ours.to_bytes(), Elements::new(ours)) else {
        return off("-".to_owned(), format!("dtype {} cannot be compared", ours.dtype()));
    };
    let digest = sha256(&bytes);
    let here = shown(recorded, &digest, values.last());
    if values.dtype() != recorded.dtype || ours.shape() != recorded.shape {
        let (dtype, shape) = (values.dtype(), ours.shape());
        return off(here, format!("{dtype} {shape:?} here, {} {:?} in the notebook", recorded.dtype, recorded.shape));
    }
    let Some(Distance { difference, ulp, relative, each }) = values.distance(recorded) else {
        return off(here, "elements are missing in the record".to_owned());
    };
    let (bound, first) = match requirement {
        Requirement::Bits => (Some(0.0), None),
        Requirement::Within(Tolerance { relative, one_by_one }) => {
            (Some(relative), one_by_one.map(|it| first(it, &each)))
        }
        Requirement::Nothing { .. } => (None, None),
    };
    let (ok, verdict) = match requirement {
        _ if digest == recorded.sha256 => (true, "equal".to_owned()),
        Requirement::Nothing { between } => (true, format!("not comparable between {between}")),
        Requirement::Within(tolerance) => within(tolerance, relative, &each),
        Requirement::Bits if relative == 0.0 => {
            (false, "OFF: the difference is in elements that are not recorded, or in the sign of a zero".to_owned())
        }
        Requirement::Bits => (false, "OFF".to_owned()),
    };
    let (difference, relative_difference) = (Some(difference), Some(relative));
    Row { difference, ulp, relative_difference, bound, first, ok, verdict, ..off(here, String::new()) }
}

/// The judgement of the first elements, which have their own bound.
fn first(FirstLosses { count, within, .. }: FirstLosses, each: &[f64]) -> FirstElements {
    let first = &each[..count.min(each.len())];
    FirstElements { count: first.len(), relative_difference: first.iter().copied().fold(0.0, larger), bound: within }
}

/// Whether a quantity is within the tolerance, and the verdict. `relative` is its relative difference, and `each` those of its
/// elements.
fn within(Tolerance { relative: allowed, one_by_one }: Tolerance, relative: f64, each: &[f64]) -> (bool, String) {
    let close = relative <= allowed; // false for NaN
    if !close {
        return (false, format!("OFF: not within {allowed:e}"));
    }
    let Some(FirstLosses { count, within, .. }) = one_by_one else {
        return (true, format!("within {allowed:e}"));
    };
    match each.iter().take(count).position(|&share| share.is_nan() || share > within) {
        Some(index) => (false, format!("OFF: element {} is not within {within:e} of the notebook's", index + 1)),
        None if count < each.len() => (true, format!("within {allowed:e}, the first {count} within {within:e} each")),
        None => (true, format!("within {within:e} each")),
    }
}

/// The row of a quantity that the notebook does not have.
pub(crate) fn unexpected(ours: &Quantity) -> Row {
    let here = format!("{} {:?}", ours.values.dtype(), ours.values.shape());
    Row::off(&ours.group, &ours.name, ["-".to_owned(), here], "missing in the notebook")
}

/// The text of a quantity: a single number, the last of several losses, or the first digits of the digest.
fn shown(recorded: &ReferenceQuantity, digest: &str, last: Option<String>) -> String {
    match last {
        Some(value) if recorded.shape.is_empty() => value,
        Some(value) if recorded.group == "losses" => format!("..{value}"),
        _ => digest.chars().take(8).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(dtype: &str, values: &[f64], bytes: &[u8]) -> ReferenceQuantity {
        let number =
            |&value: &f64| if dtype == "int64" { (value as i64).into() } else { Number::from_f64(value).unwrap() };
        ReferenceQuantity {
            group: "losses".into(),
            name: "epoch".into(),
            dtype: dtype.into(),
            shape: vec![values.len()],
            sha256: sha256(bytes),
            stride: 1,
            values: values.iter().map(number).collect(),
        }
    }

    fn floats(values: &[f32]) -> ReferenceQuantity {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        recorded("float32", &values.iter().map(|&value| f64::from(value)).collect::<Vec<_>>(), &bytes)
    }

    fn ours<T: pt_file::Element>(values: &[T]) -> Tensor {
        Tensor::from_slice(values, &[values.len()]).unwrap()
    }

    fn within_relative(relative: f64) -> Requirement {
        Requirement::Within(Tolerance { relative, one_by_one: None })
    }

    #[test]
    fn equal_bits_are_equal_and_one_ulp_is_not() {
        let theirs = floats(&[1.0, -2.0]);
        let row = compare(&theirs, Some(&ours(&[1.0f32, -2.0])), Requirement::Bits);
        assert_eq!((row.ok, row.verdict.as_str(), row.ulp, row.difference), (true, "equal", Some(0), Some(0.0)));
        let next = f32::from_bits((-2.0f32).to_bits() + 1);
        let row = compare(&theirs, Some(&ours(&[1.0, next])), Requirement::Bits);
        assert_eq!((row.ok, row.verdict.as_str(), row.ulp), (false, "OFF", Some(1)));
        assert_eq!(row.difference, Some(2f64.powi(-22)));
        // 0.0 and -0.0 are equal numbers of different bits.
        let row = compare(&floats(&[0.0, 1.0]), Some(&ours(&[-0.0f32, 1.0])), Requirement::Bits);
        assert_eq!((row.ok, row.difference, row.ulp), (false, Some(0.0), Some(0)));
    }

    #[test]
    fn a_tolerance_is_a_share_of_the_largest_magnitude() {
        let theirs = floats(&[0.001, 100.0]);
        let near = |requirement| compare(&theirs, Some(&ours(&[0.002f32, 100.0])), requirement);
        assert_eq!(near(within_relative(1e-4)).verdict, "within 1e-4");
        let row = near(within_relative(1e-6));
        assert_eq!((row.ok, row.verdict.as_str()), (false, "OFF: not within 1e-6"));
        // The row has the judged number and its bound: a difference of 1e-3 where the largest number is 100.
        let (judged, absolute) = (row.relative_difference.unwrap(), row.difference.unwrap());
        assert!((judged - 1e-5).abs() < 1e-9 && (absolute - 1e-3).abs() < 1e-7, "{row:?}");
        assert_eq!(row.bound, Some(1e-6));
        let nan = compare(&theirs, Some(&ours(&[f32::NAN, 100.0])), within_relative(1.0));
        assert!(!nan.ok, "{}", nan.verdict);
    }

    #[test]
    fn the_first_losses_may_be_bound_one_by_one() {
        let theirs = floats(&[2.0, 0.001, 0.5]);
        let verdict = |ours_: [f32; 3], count| {
            let one_by_one = Some(FirstLosses { of: "epoch", count, within: 1e-3 });
            let row =
                compare(&theirs, Some(&ours(&ours_)), Requirement::Within(Tolerance { relative: 0.1, one_by_one }));
            assert_eq!(row.ok, !row.verdict.starts_with("OFF"));
            let (first, whole) = (row.first.unwrap(), row.relative_difference.unwrap());
            assert_eq!((first.bound, row.bound, first.count), (1e-3, Some(0.1), count.min(3)));
            assert_eq!(row.ok, first.relative_difference <= first.bound && whole <= 0.1, "the judged numbers: {row:?}");
            row.verdict
        };
        assert_eq!(verdict([2.001, 0.001, 0.51], 2), "within 1e-1, the first 2 within 1e-3 each");
        assert_eq!(verdict([2.001, 0.001, 0.5], 500), "within 1e-3 each");
        // The difference is a thousandth of the largest number, and as large as the number itself.
        assert_eq!(verdict([2.0, 0.002, 0.5], 2), "OFF: element 2 is not within 1e-3 of the notebook's");
        assert_eq!(verdict([2.5, 0.001, 0.5], 2), "OFF: not within 1e-1");
        assert_eq!(verdict([2.0, f32::NAN, 0.5], 2), "OFF: not within 1e-1");
    }

    #[test]
    fn integers_that_differ_are_counted() {
        let theirs = recorded("int64", &[1.0, 2.0, 3.0, 4.0], b"");
        let row = compare(&theirs, Some(&ours(&[1i64, 2, 3, 7])), within_relative(0.3));
        assert_eq!((row.ok, row.difference, row.ulp), (true, Some(1.0), None));
        assert_eq!((row.relative_difference, row.bound), (Some(0.25), Some(0.3)));
        assert!(!compare(&theirs, Some(&ours(&[1i64, 2, 6, 7])), within_relative(0.3)).ok);
    }

    #[test]
    fn what_cannot_be_compared_is_off() {
        let theirs = floats(&[1.0, 2.0]);
        let verdict = |ours: Option<&Tensor>, theirs: &ReferenceQuantity| {
            let row = compare(theirs, ours, within_relative(1.0));
            assert!(!row.ok);
            row.verdict
        };
        assert_eq!(verdict(None, &theirs), "OFF: missing here");
        assert_eq!(verdict(Some(&ours(&[1.0f32])), &theirs), "OFF: float32 [1] here, float32 [2] in the notebook");
        assert_eq!(verdict(Some(&ours(&[1.0f64, 2.0])), &theirs), "OFF: float64 [2] here, float32 [2] in the notebook");
        let broken = ReferenceQuantity { stride: 2, ..floats(&[1.0, 2.0]) };
        assert_eq!(verdict(Some(&ours(&[1.0f32, 2.5])), &broken), "OFF: elements are missing in the record");
        let sampled = ReferenceQuantity { values: vec![Number::from_f64(1.0).unwrap()], ..floats(&[1.0, 2.0]) };
        let row = compare(&sampled, Some(&ours(&[1.0f32, 2.5])), Requirement::Bits);
        assert_eq!(row.verdict, "OFF: the difference is in elements that are not recorded, or in the sign of a zero");
    }
}
