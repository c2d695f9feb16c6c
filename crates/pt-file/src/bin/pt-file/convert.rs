//! The command that converts a file to a modern `.pt` or to `.safetensors`.

use std::error::Error;
use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitCode;

use pt_file::{Dict, Key, Object, Value};

use crate::{message, print_error};

/// The limit on the length of a name. Without it, a small file with nested dicts can have gigabytes of names.
const MAX_NAME: usize = 4096;

pub fn run(from: &OsStr, to: &OsStr, at: &str) -> ExitCode {
    let value = match pt_file::load_file(from) {
        Ok(value) => value,
        Err(error) => {
            print_error(message(from, &error));
            return ExitCode::FAILURE;
        }
    };
    match convert(&value, Path::new(to), at) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            match error.downcast_ref() {
                Some(error) => print_error(message(to, error)),
                None => print_error(format_args!("{}: {error}", to.display())),
            }
            ExitCode::FAILURE
        }
    }
}

fn convert(value: &Value, to: &Path, at: &str) -> Result<(), Box<dyn Error>> {
    match to.extension().and_then(OsStr::to_str) {
        Some("safetensors") => write_safetensors(value, to, at),
        Some("pt" | "pth" | "ckpt" | "bin") => write_pt(value, to, at),
        _ => Err("the name of the new file must end in .pt or .safetensors".into()),
    }
}

/// A whole module becomes its state dict. Other objects become dicts with the class, arguments, state and items.
fn write_pt(value: &Value, to: &Path, at: &str) -> Result<(), Box<dyn Error>> {
    let is_module = value.as_object().is_some() && value.state_dict_at("").is_ok();
    let converted = if is_module || !at.is_empty() { Value::Dict(value.state_dict_at(at)?) } else { value.clone() };
    let mut objects = 0;
    let converted = without_objects(&converted, &mut objects);
    if objects > 0 {
        print_error(format_args!("{objects} objects become dicts with the key \"__class__\""));
    }
    pt_file::save_file(to, &converted)?;
    Ok(())
}

/// The value with dicts in place of objects that `save` rejects.
fn without_objects(value: &Value, objects: &mut usize) -> Value {
    let mut all = |items: &[Value]| items.iter().map(|item| without_objects(item, objects)).collect::<Vec<_>>();
    match value {
        Value::List(items) => Value::List(all(items)),
        Value::Tuple(items) => Value::Tuple(all(items)),
        Value::Set(items) => Value::Set(all(items)),
        Value::FrozenSet(items) => Value::Set(all(items)),
        Value::Dict(dict) => {
            let mut converted: Dict =
                dict.iter().map(|(key, item)| (key.clone(), without_objects(item, objects))).collect();
            if dict.is_ordered() {
                let empty = Dict::new();
                let metadata = dict.metadata().unwrap_or(&empty);
                let metadata = without_objects(&Value::Dict(metadata.clone()), objects);
                if let Value::Dict(metadata) = metadata {
                    converted = converted.with_metadata(metadata);
                }
            }
            Value::Dict(converted)
        }
        _ if pt_file::save(std::io::sink(), value).is_ok() => value.clone(),
        Value::Object(object) => {
            *objects += 1;
            Value::Dict(as_dict(object, objects))
        }
        Value::Global(global) => Value::from(global.to_string()),
        Value::BackReference(levels) => Value::from(format!("the enclosing value {levels} levels up")),
        other => Value::from(format!("{other:?}")),
    }
}

fn as_dict(object: &Object, objects: &mut usize) -> Dict {
    let mut dict = Dict::new();
    dict.insert("__class__", format!("{}.{}", object.module, object.name));
    for (name, values) in [("args", &object.args), ("items", &object.items)] {
        if !values.is_empty() {
            dict.insert(name, Value::List(values.iter().map(|value| without_objects(value, objects)).collect()));
        }
    }
    if let Some(state) = &object.state {
        dict.insert("state", without_objects(state, objects));
    }
    if !object.entries.is_empty() {
        let pair = |(key, value): &(Value, Value)| {
            Value::Tuple(vec![without_objects(key, objects), without_objects(value, objects)])
        };
        dict.insert("entries", Value::List(object.entries.iter().map(pair).collect()));
    }
    dict
}

fn write_safetensors(value: &Value, to: &Path, at: &str) -> Result<(), Box<dyn Error>> {
    pt_file::save_safetensors_file(to, &named_tensors(value, at)?)?;
    Ok(())
}

/// The tensors of a state dict by name. The names of nested dicts are joined by dots.
fn named_tensors(value: &Value, at: &str) -> Result<Dict, Box<dyn Error>> {
    let dict = value.state_dict_at(at)?;
    let (mut open, mut tensors, mut left_out) = (vec![(String::new(), &dict)], Dict::ordered(), 0);
    while let Some((prefix, dict)) = open.pop() {
        for (key, value) in dict.iter() {
            let name = match key {
                Key::Str(key) => format!("{prefix}{key}"),
                other => format!("{prefix}{other}"),
            };
            if name.len() > MAX_NAME {
                return Err(
                    format!("a name has more than {MAX_NAME} bytes; convert a part of the file with --at").into()
                );
            }
            match value {
                Value::Tensor(_) if tensors.get(name.as_str()).is_some() => {
                    return Err(format!("two tensors have the name {name:?}; convert one of them with --at").into());
                }
                Value::Tensor(_) => drop(tensors.insert(name, value.clone())),
                Value::Dict(dict) => open.push((format!("{name}."), dict)),
                _ => left_out += 1,
            }
        }
    }
    if tensors.is_empty() {
        return Err("the file has no tensors by name; list it with `pt-file FILE`".into());
    }
    if left_out > 0 {
        print_error(format_args!("{left_out} values that are no tensors are left out"));
    }
    Ok(tensors)
}
