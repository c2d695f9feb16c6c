//! The JSON output.

use std::io::{self, Write};

use pt_file::{StoredTensor, Value, escape};

/// Writes an array with an object for each value, one per line.
pub fn write(out: &mut impl Write, value: &Value<StoredTensor>) -> io::Result<()> {
    let leaves = value.leaves();
    writeln!(out, "[")?;
    for (index, (path, leaf)) in leaves.iter().enumerate() {
        let comma = if index + 1 < leaves.len() { "," } else { "" };
        let (path, kind) = (string(&path.to_string()), leaf.type_name());
        writeln!(out, r#"{{"place": {path}, "type": "{kind}"{}}}{comma}"#, fields_of(leaf))?;
    }
    writeln!(out, "]")
}

/// The fields that depend on the type.
fn fields_of(leaf: &Value<StoredTensor>) -> String {
    match leaf {
        Value::Bool(value) => format!(r#", "value": {value}"#),
        Value::Int(value) => format!(r#", "value": {value}"#),
        Value::Float(value) if value.is_finite() => format!(r#", "value": {value:?}"#),
        Value::Float(value) => format!(r#", "value": "{value}""#), // JSON has no NaN and no infinity
        Value::Str(value) => format!(r#", "value": {}"#, string(value)),
        Value::Tensor(tensor) => tensor_fields(tensor),
        Value::None | Value::List(_) | Value::Tuple(_) | Value::Dict(_) => String::new(),
    }
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
