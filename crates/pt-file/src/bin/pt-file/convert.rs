//! The command that converts a file to a modern `.pt` or to `.safetensors`.

use std::borrow::Cow;
use std::collections::HashSet;
use std::error::Error;
use std::ffi::OsStr;
use std::path::Path;
use std::process::ExitCode;

use pt_file::{DType, Dict, Key, Object, Tensor, Value, atomic};
use safetensors::Dtype;

use crate::{message, print_error};

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
            print_error(format_args!("{}: {error}", to.display()));
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

/// A tensor for the crate safetensors.
struct View {
    dtype: Dtype,
    tensor: Tensor,
}

impl safetensors::View for &View {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        self.tensor.shape()
    }

    fn data(&self) -> Cow<'_, [u8]> {
        self.tensor.to_bytes().unwrap_or_default() // `named_tensors` has made a row-major copy
    }

    fn data_len(&self) -> usize {
        self.tensor.numel() * self.tensor.dtype().size()
    }
}

fn write_safetensors(value: &Value, to: &Path, at: &str) -> Result<(), Box<dyn Error>> {
    let tensors = named_tensors(value, at)?;
    let metadata = [("format".to_owned(), "pt".to_owned())].into();
    let views = tensors.iter().map(|(name, view)| (name.as_str(), view));
    atomic::write_at_path(to, |path| safetensors::serialize_to_file(views, Some(metadata), path).map_err(other_io))?;
    Ok(())
}

fn other_io(error: safetensors::SafeTensorError) -> std::io::Error {
    std::io::Error::other(error)
}

/// The tensors of a state dict by name. The names of nested dicts are joined by dots.
fn named_tensors(value: &Value, at: &str) -> Result<Vec<(String, View)>, Box<dyn Error>> {
    let dict = value.state_dict_at(at)?;
    let (mut open, mut tensors, mut left_out) = (vec![(String::new(), &dict)], Vec::new(), 0);
    while let Some((prefix, dict)) = open.pop() {
        for (key, value) in dict.iter() {
            let name = match key {
                Key::Str(key) => format!("{prefix}{key}"),
                other => format!("{prefix}{other}"),
            };
            match value {
                Value::Tensor(tensor) => tensors.push((name.clone(), view(&name, tensor)?)),
                Value::Dict(dict) => open.push((format!("{name}."), dict)),
                _ => left_out += 1,
            }
        }
    }
    let mut names = HashSet::new();
    if let Some((name, _)) = tensors.iter().find(|(name, _)| !names.insert(name.as_str())) {
        return Err(format!("two tensors have the name {name:?}; convert one of them with --at").into());
    }
    if tensors.is_empty() {
        return Err("the file has no tensors by name; list it with `pt-file FILE`".into());
    }
    if left_out > 0 {
        print_error(format_args!("{left_out} values that are no tensors are left out"));
    }
    Ok(tensors)
}

fn view(name: &str, tensor: &Tensor) -> Result<View, Box<dyn Error>> {
    let dtype = match tensor.dtype() {
        DType::F32 => Dtype::F32,
        DType::F64 => Dtype::F64,
        DType::F16 => Dtype::F16,
        DType::BF16 => Dtype::BF16,
        DType::I64 => Dtype::I64,
        DType::I32 => Dtype::I32,
        DType::I16 => Dtype::I16,
        DType::I8 => Dtype::I8,
        DType::U8 => Dtype::U8,
        DType::U16 => Dtype::U16,
        DType::U32 => Dtype::U32,
        DType::U64 => Dtype::U64,
        DType::Bool => Dtype::BOOL,
        DType::C64 => Dtype::C64,
        DType::F8E4M3Fn => Dtype::F8_E4M3,
        DType::F8E5M2 => Dtype::F8_E5M2,
        DType::F8E4M3FnUz => Dtype::F8_E4M3FNUZ,
        DType::F8E5M2FnUz => Dtype::F8_E5M2FNUZ,
        other => {
            return Err(format!("{name:?} is of dtype {other}, which safetensors does not have; convert to .pt").into());
        }
    };
    let tensor = Tensor::from_bytes(tensor.dtype(), tensor.shape(), tensor.to_bytes()?.into_owned())?;
    Ok(View { dtype, tensor })
}
