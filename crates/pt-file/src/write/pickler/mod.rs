//! Writes a value as pickle protocol 2, with only the operations that `torch.load(weights_only=True)` supports.

mod atoms;
mod tensors;

use std::collections::HashMap;

use crate::pickle_format::{GET_LAYOUT, ORDERED_DICT, op};
use crate::value_path::Step;
use crate::{DType, Dict, Error, Key, MAX_DEPTH, Object, Result, Storage, Value, ValuePath};
use tensors::PickledStorage;

/// The record `data.pkl`, and the storages for the records `data/0`, `data/1` and so on.
pub(super) struct Pickled<'a> {
    pub(super) pickle: Vec<u8>,
    pub(super) storages: Vec<&'a Storage>,
}

pub(super) fn pickle(value: &Value) -> Result<Pickled<'_>> {
    let mut pickler = Pickler {
        out: vec![op::PROTO, 2],
        storages: Vec::new(),
        numbers: HashMap::new(),
        path: ValuePath::default(),
        depth: 0,
    };
    pickler.value(value)?;
    pickler.out.push(op::STOP);
    Ok(Pickled { pickle: pickler.out, storages: pickler.storages })
}

struct Pickler<'a> {
    out: Vec<u8>,
    storages: Vec<&'a Storage>,
    numbers: HashMap<usize, PickledStorage>, // by the address of the storage
    path: ValuePath,
    depth: usize,
}

impl<'a> Pickler<'a> {
    fn value(&mut self, value: &'a Value) -> Result<()> {
        match value {
            Value::None => self.out.push(op::NONE),
            Value::Bool(value) => self.bool(*value),
            Value::Int(value) => self.int(*value),
            Value::BigInt(value) => self.long(value.as_le_bytes())?,
            Value::Float(value) => self.float(*value),
            Value::Complex(re, im) => {
                self.global(("__builtin__", "complex"));
                self.call(2, |pickler| {
                    pickler.float(*re);
                    pickler.float(*im);
                    Ok(())
                })?;
            }
            Value::Str(value) => self.str(value)?,
            Value::Bytes(value) => self.bytes(value)?,
            Value::ByteArray(value) => {
                self.global(("__builtin__", "bytearray"));
                self.call(1, |pickler| pickler.bytes(value))?;
            }
            Value::Set(items) => {
                self.global(("__builtin__", "set"));
                self.call(1, |pickler| {
                    pickler.out.push(op::EMPTY_LIST);
                    pickler.marked(items.is_empty(), op::APPENDS, |pickler| pickler.items(items))
                })?;
            }
            Value::List(items) => {
                self.out.push(op::EMPTY_LIST);
                self.marked(items.is_empty(), op::APPENDS, |pickler| pickler.items(items))?;
            }
            Value::Tuple(items) => self.tuple(items.len(), |pickler| pickler.items(items))?,
            Value::Dict(dict) => self.dict(dict)?,
            Value::Tensor(tensor) => self.tensor(tensor)?,
            Value::Global(global) => self.constant(&global.module, &global.name)?,
            Value::Object(object) => self.object(object)?,
            Value::FrozenSet(_) => return Err(self.unwritable("a frozenset".to_owned())),
            Value::BackReference(_) => return Err(Error::Cycle { at: self.here() }),
        }
        Ok(())
    }

    fn unwritable(&self, what: String) -> Error {
        Error::Unwritable { at: self.here(), what }
    }

    /// A dtype, a layout or a quantization scheme.
    fn constant(&mut self, module: &str, name: &str) -> Result<()> {
        let is_scheme = name.starts_with("per_tensor_") || name.starts_with("per_channel_");
        match (module, name) {
            ("torch", "strided" | "sparse_coo" | "sparse_csr" | "sparse_csc" | "sparse_bsr" | "sparse_bsc") => {
                self.global(GET_LAYOUT);
                self.call(1, |pickler| pickler.str(&format!("torch.{name}")))
            }
            ("torch", name) if is_scheme || DType::from_name(name).is_some() => {
                self.global((module, name));
                Ok(())
            }
            _ => Err(self.unwritable(format!("the name {module}.{name}"))),
        }
    }

    /// A call that `torch.load(weights_only=True)` allows.
    fn object(&mut self, object: &'a Object) -> Result<()> {
        let is_allowed = matches!(
            (object.module.as_str(), object.name.as_str()),
            ("torch", "device")
                | (
                    "torch._utils",
                    "_rebuild_sparse_tensor" | "_rebuild_nested_tensor" | "_rebuild_meta_tensor_no_storage"
                )
        );
        let has_only_args = object.state.is_none() && object.items.is_empty() && object.entries.is_empty();
        if !is_allowed || !has_only_args {
            return Err(self.unwritable(format!("an object of class {}.{}", object.module, object.name)));
        }
        self.global((&object.module, &object.name));
        self.call(object.args.len(), |pickler| {
            let mut args = object.args.iter().enumerate();
            args.try_for_each(|(index, arg)| pickler.child(Step::Arg(index), |pickler| pickler.value(arg)))
        })
    }

    /// Calls the object on the stack with these arguments.
    fn call(&mut self, len: usize, arguments: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        self.tuple(len, arguments)?;
        self.out.push(op::REDUCE);
        Ok(())
    }

    fn here(&self) -> ValuePath {
        self.path.clone()
    }

    /// Writes a child of the current value.
    fn child(&mut self, step: Step, write: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        let parent = self.path.clone();
        self.path = parent.child(step);
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Error::TooDeep { at: self.here(), limit: MAX_DEPTH });
        }
        write(self)?;
        self.path = parent;
        self.depth -= 1;
        Ok(())
    }

    fn items(&mut self, items: &'a [Value]) -> Result<()> {
        let mut items = items.iter().enumerate();
        items.try_for_each(|(index, item)| self.child(Step::Index(index), |pickler| pickler.value(item)))
    }

    fn dict(&mut self, dict: &'a Dict) -> Result<()> {
        if dict.is_ordered() {
            self.empty_ordered_dict();
        } else {
            self.out.push(op::EMPTY_DICT);
        }
        self.marked(dict.is_empty(), op::SETITEMS, |pickler| {
            dict.iter().try_for_each(|(key, value)| {
                pickler.key(key)?;
                pickler.child(Step::Key(key.clone()), |pickler| pickler.value(value))
            })
        })?;
        // BUILD sets attributes from a dict with their names.
        if let Some(metadata) = dict.metadata() {
            self.out.push(op::EMPTY_DICT);
            self.marked(false, op::SETITEMS, |pickler| {
                pickler.str("_metadata")?;
                pickler.child(Step::Metadata, |pickler| pickler.dict(metadata))
            })?;
            self.out.push(op::BUILD);
        }
        Ok(())
    }

    fn key(&mut self, key: &Key) -> Result<()> {
        match key {
            Key::Str(key) => self.str(key),
            Key::Int(key) => {
                self.int(*key);
                Ok(())
            }
            Key::None => {
                self.out.push(op::NONE);
                Ok(())
            }
            Key::Bool(key) => {
                self.bool(*key);
                Ok(())
            }
            Key::Float(key) => {
                self.float(key.get());
                Ok(())
            }
            Key::Bytes(key) => self.bytes(key),
            Key::Tuple(keys) => self.tuple(keys.len(), |pickler| keys.iter().try_for_each(|key| pickler.key(key))),
        }
    }

    /// The items of a list or dict: a mark, the items, and the operation that removes everything down to the mark.
    fn marked(&mut self, empty: bool, operation: u8, write: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        if !empty {
            self.out.push(op::MARK);
            write(self)?;
            self.out.push(operation);
        }
        Ok(())
    }

    fn tuple(&mut self, len: usize, write: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        if len > 3 {
            self.out.push(op::MARK);
        }
        write(self)?;
        self.out.push(match len {
            0 => op::EMPTY_TUPLE,
            1 => op::TUPLE1,
            2 => op::TUPLE2,
            3 => op::TUPLE3,
            _ => op::TUPLE,
        });
        Ok(())
    }

    fn empty_ordered_dict(&mut self) {
        self.global(ORDERED_DICT);
        self.out.extend_from_slice(&[op::EMPTY_TUPLE, op::REDUCE]);
    }
}

#[cfg(test)]
mod tests;
