//! The table output.

use std::collections::HashSet;
use std::io::{self, Write};

use pt_file::{StoredTensor, Value, escape};

use crate::stats::Statistics;

/// The table shows at most this many characters of a string.
const MAX_CHARS: usize = 60;

/// Writes one line per value, and a summary. `statistics` are those of the tensors.
pub fn write(
    out: &mut impl Write,
    file: &str,
    value: &Value<StoredTensor>,
    statistics: Option<&[Statistics]>,
) -> io::Result<()> {
    let mut statistics = statistics.unwrap_or_default().iter();
    let row_of = |(path, leaf): &(_, &Value<StoredTensor>)| {
        let mut row = row(&ToString::to_string(path), leaf);
        if let Some(statistics) = leaf.as_tensor().and_then(|_| statistics.next()) {
            row[2] = format!("{}  {statistics}", row[2]);
        }
        row
    };
    let leaves: Vec<(pt_file::ValuePath, _)> = value.leaves();
    let rows: Vec<[String; 5]> = leaves.iter().map(row_of).collect();
    let header = ["place", "type", "shape or value", "bytes", "record"].map(str::to_owned);
    let mut widths = [0; 5];
    for row in rows.iter().chain([&header]) {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    for [place, kind, content, bytes, record] in [&header].into_iter().chain(&rows) {
        let [a, b, c, d, _] = widths;
        let line = format!("{place:a$}  {kind:b$}  {content:c$}  {bytes:>d$}  {record}");
        writeln!(out, "{}", line.trim_end())?;
    }
    writeln!(out, "{}", summary(file, value))
}

fn row(place: &str, leaf: &Value<StoredTensor>) -> [String; 5] {
    let [place, none] = [place.to_owned(), String::new()];
    match leaf {
        Value::Tensor(tensor) => {
            let on = if tensor.location() == "cpu" { none } else { format!(" on {}", escape(tensor.location())) };
            let bytes = tensor.view().numel() * tensor.dtype().size();
            let shape = format!("{:?}{}{on}", tensor.shape(), strides(tensor));
            [place, tensor.dtype().to_string(), shape, bytes.to_string(), escape(tensor.record()).into_owned()]
        }
        other => [place, other.type_name().to_owned(), text(other), none.clone(), none],
    }
}

fn strides(tensor: &StoredTensor) -> String {
    let view = tensor.view();
    if view.is_contiguous() { String::new() } else { format!(" strides {:?}", view.strides()) }
}

fn text(value: &Value<StoredTensor>) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => format!("{value:?}"),
        Value::Str(value) if value.chars().count() > MAX_CHARS => {
            format!("{:?}...", value.chars().take(MAX_CHARS).collect::<String>())
        }
        Value::Str(value) => format!("{value:?}"),
        Value::BigInt(value) => value.to_string(),
        Value::Complex(re, im) => format!("{re:?} + {im:?}j"),
        Value::Bytes(value) | Value::ByteArray(value) => format!("{} bytes", value.len()),
        Value::Global(global) => escape(&global.to_string()).into_owned(),
        Value::Object(object) => escape(&format!("{}.{}", object.module, object.name)).into_owned(),
        Value::BackReference(levels) => format!("the value {levels} levels up"),
        Value::None | Value::Tensor(_) => String::new(),
        _ => "empty".to_owned(),
    }
}

fn summary(file: &str, value: &Value<StoredTensor>) -> String {
    let leaves = value.leaves();
    let tensors: Vec<_> = leaves.iter().filter_map(|(_, leaf)| leaf.as_tensor()).collect();
    let elements: usize = tensors.iter().map(|tensor| tensor.view().numel()).sum();
    let storages: HashSet<_> = tensors.iter().map(|tensor| tensor.record()).collect();
    let (count, storages, others) = (tensors.len(), storages.len(), leaves.len() - tensors.len());
    let file = escape(file);
    format!("{file}: {count} tensors with {elements} elements in {storages} storages, {others} other values")
}
