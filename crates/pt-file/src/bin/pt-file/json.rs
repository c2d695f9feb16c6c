//! The JSON output.

use std::io::{self, Write};

use pt_file::{StoredTensor, Value, escape};

use crate::stats::{Range, Statistics};

/// Writes an array with an object for each value, one per line. `statistics` are those of the tensors.
pub fn write(out: &mut impl Write, value: &Value<StoredTensor>, statistics: Option<&[Statistics]>) -> io::Result<()> {
    let leaves = value.leaves();
    let mut statistics = statistics.unwrap_or_default().iter();
    writeln!(out, "[")?;
    for (index, (path, leaf)) in leaves.iter().enumerate() {
        let comma = if index + 1 < leaves.len() { "," } else { "" };
        let (path, kind) = (string(&path.to_string()), leaf.type_name());
        let of_tensor = leaf.as_tensor().and_then(|_| statistics.next()).map(statistics_fields).unwrap_or_default();
        writeln!(out, r#"{{"place": {path}, "type": "{kind}"{}{of_tensor}}}{comma}"#, fields_of(leaf))?;
    }
    writeln!(out, "]")
}

/// The fields that depend on the type.
fn fields_of(leaf: &Value<StoredTensor>) -> String {
    match leaf {
        Value::Bool(value) => format!(r#", "value": {value}"#),
        Value::Int(value) => format!(r#", "value": {value}"#),
        Value::BigInt(value) => format!(r#", "value": "{value}""#),
        Value::Float(value) => format!(r#", "value": {}"#, number(*value)),
        Value::Complex(re, im) => format!(r#", "value": [{}, {}]"#, number(*re), number(*im)),
        Value::Str(value) => format!(r#", "value": {}"#, string(value)),
        Value::Bytes(value) | Value::ByteArray(value) => format!(r#", "bytes": {}"#, value.len()),
        Value::Tensor(tensor) => tensor_fields(tensor),
        Value::Global(global) => format!(r#", "value": {}"#, string(&global.to_string())),
        Value::Object(object) => format!(r#", "class": {}"#, string(&format!("{}.{}", object.module, object.name))),
        Value::BackReference(levels) => format!(r#", "levels": {levels}"#),
        _ => String::new(),
    }
}

/// JSON has no NaN and no infinity: they are strings.
fn number(value: f64) -> String {
    if value.is_finite() { format!("{value:?}") } else { format!("\"{value}\"") }
}

fn statistics_fields(statistics: &Statistics) -> String {
    let Statistics { range, nan, infinite } = statistics;
    let range = range.as_ref().map(|Range { min, max, mean }| {
        format!(r#", "min": {}, "max": {}, "mean": {}"#, number(*min), number(*max), number(*mean))
    });
    format!(r#"{}, "nan": {nan}, "infinite": {infinite}"#, range.unwrap_or_default())
}

fn tensor_fields(tensor: &StoredTensor) -> String {
    let view = tensor.view();
    let (dtype, shape, strides, offset) = (view.dtype(), view.shape(), view.strides(), view.offset());
    let (bytes, record, device) = (view.numel() * dtype.size(), string(tensor.record()), string(tensor.location()));
    format!(
        r#", "dtype": "{dtype}", "shape": {shape:?}, "strides": {strides:?}, "offset": {offset}, "bytes": {bytes}, "record": {record}, "location": {device}"#
    )
}

fn string(text: &str) -> String {
    format!("\"{}\"", escape(&text.replace('\\', r"\\").replace('"', r#"\""#)))
}
