//! Writes a value as pickle protocol 2, with only the operations that `torch.load(weights_only=True)` supports.

use std::collections::HashMap;

use crate::pickle_format::{ORDERED_DICT, REBUILD_TENSOR, op};
use crate::value_path::Step;
use crate::{DType, Dict, Error, Key, MAX_DEPTH, Result, Storage, Tensor, Value, ValuePath};

/// The record `data.pkl`, and the storages for the records `data/0`, `data/1` and so on.
pub(super) struct Pickled<'a> {
    pub(super) pickle: Vec<u8>,
    pub(super) storages: Vec<&'a Storage>,
}

pub(super) fn pickle(value: &Value) -> Result<Pickled<'_>> {
    let mut pickler =
        Pickler { out: vec![op::PROTO, 2], storages: Vec::new(), numbers: HashMap::new(), path: Vec::new() };
    pickler.value(value)?;
    pickler.out.push(op::STOP);
    Ok(Pickled { pickle: pickler.out, storages: pickler.storages })
}

struct Pickler<'a> {
    out: Vec<u8>,
    storages: Vec<&'a Storage>,
    numbers: HashMap<usize, PickledStorage>, // by the address of the storage
    path: Vec<Step>,
}

/// A storage that has a record. `dtype` and `path` are those of the first tensor that views it.
struct PickledStorage {
    number: usize,
    dtype: DType,
    path: ValuePath,
}

impl<'a> Pickler<'a> {
    fn value(&mut self, value: &'a Value) -> Result<()> {
        match value {
            Value::None => self.out.push(op::NONE),
            Value::Bool(value) => self.bool(*value),
            Value::Int(value) => self.int(*value),
            Value::Float(value) => {
                self.out.push(op::BINFLOAT);
                self.out.extend_from_slice(&value.to_be_bytes()); // the only big-endian number in a pickle
            }
            Value::Str(value) => self.str(value)?,
            Value::List(items) => {
                self.out.push(op::EMPTY_LIST);
                self.marked(items.is_empty(), op::APPENDS, |pickler| pickler.items(items))?;
            }
            Value::Tuple(items) => self.tuple(items.len(), |pickler| pickler.items(items))?,
            Value::Dict(dict) => self.dict(dict)?,
            Value::Tensor(tensor) => self.tensor(tensor)?,
        }
        Ok(())
    }

    fn here(&self) -> ValuePath {
        ValuePath(self.path.clone())
    }

    /// Writes a child of the current value.
    fn child(&mut self, step: Step, write: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
        self.path.push(step);
        if self.path.len() > MAX_DEPTH {
            return Err(Error::TooDeep { at: self.here(), limit: MAX_DEPTH });
        }
        write(self)?;
        self.path.pop();
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

    /// `_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, backward_hooks)`
    fn tensor(&mut self, tensor: &'a Tensor) -> Result<()> {
        let view = tensor.view();
        let number = self.storage_number(tensor)?;
        self.global(REBUILD_TENSOR);
        self.tuple(6, |pickler| {
            pickler.persistent_id(number, tensor)?;
            pickler.size(view.offset());
            pickler.sizes(view.shape())?;
            pickler.sizes(view.strides())?;
            pickler.bool(false);
            pickler.empty_ordered_dict();
            Ok(())
        })?;
        self.out.push(op::REDUCE);
        Ok(())
    }

    /// The reference to the record `data/0`: `("storage", torch.FloatStorage, "0", "cpu", number of elements)`.
    fn persistent_id(&mut self, number: usize, tensor: &Tensor) -> Result<()> {
        self.tuple(5, |pickler| {
            pickler.str("storage")?;
            pickler.global(("torch", tensor.dtype().storage_class()));
            pickler.str(&number.to_string())?;
            pickler.str("cpu")?;
            pickler.size(tensor.storage().bytes().len() / tensor.dtype().size());
            Ok(())
        })?;
        self.out.push(op::BINPERSID);
        Ok(())
    }

    /// The number of the tensor's storage, a new one for a new storage.
    fn storage_number(&mut self, tensor: &'a Tensor) -> Result<usize> {
        let address = tensor.storage().address();
        if let Some(known) = self.numbers.get(&address) {
            if known.dtype != tensor.dtype() {
                let dtypes = (tensor.dtype(), known.dtype);
                return Err(Error::TwoDTypes { dtypes, at: self.here(), before: known.path.clone() });
            }
            return Ok(known.number);
        }
        let number = self.storages.len();
        self.storages.push(tensor.storage());
        self.numbers.insert(address, PickledStorage { number, dtype: tensor.dtype(), path: self.here() });
        Ok(number)
    }

    fn empty_ordered_dict(&mut self) {
        self.global(ORDERED_DICT);
        self.out.extend_from_slice(&[op::EMPTY_TUPLE, op::REDUCE]);
    }

    fn global(&mut self, (module, name): (&str, &str)) {
        self.out.push(op::GLOBAL);
        for part in [module, name] {
            self.out.extend_from_slice(part.as_bytes());
            self.out.push(b'\n');
        }
    }

    fn bool(&mut self, value: bool) {
        self.out.push(if value { op::NEWTRUE } else { op::NEWFALSE });
    }

    fn str(&mut self, value: &str) -> Result<()> {
        let Ok(len) = u32::try_from(value.len()) else {
            return Err(Error::StringTooLong { at: self.here(), bytes: value.len() });
        };
        self.out.push(op::BINUNICODE);
        self.out.extend_from_slice(&len.to_le_bytes());
        self.out.extend_from_slice(value.as_bytes());
        Ok(())
    }

    /// The shortest form, as in Python.
    fn int(&mut self, value: i64) {
        if let Ok(value) = u8::try_from(value) {
            self.out.extend_from_slice(&[op::BININT1, value]);
        } else if let Ok(value) = u16::try_from(value) {
            self.out.push(op::BININT2);
            self.out.extend_from_slice(&value.to_le_bytes());
        } else if let Ok(value) = i32::try_from(value) {
            self.out.push(op::BININT);
            self.out.extend_from_slice(&value.to_le_bytes());
        } else {
            self.long(value);
        }
    }

    /// Little-endian two's complement without redundant sign bytes.
    fn long(&mut self, value: i64) {
        let bytes = value.to_le_bytes();
        let needed = (1..bytes.len()).find(|&n| {
            let unused = 64 - 8 * n as u32;
            (value << unused) >> unused == value
        });
        let used = &bytes[..needed.unwrap_or(bytes.len())];
        self.out.extend_from_slice(&[op::LONG1, used.len() as u8]);
        self.out.extend_from_slice(used);
    }

    /// A size, stride or offset. The constructors of `StridedView` have checked that it fits.
    fn size(&mut self, size: usize) {
        self.int(i64::try_from(size).unwrap_or(i64::MAX));
    }

    fn sizes(&mut self, sizes: &[usize]) -> Result<()> {
        self.tuple(sizes.len(), |pickler| {
            sizes.iter().for_each(|&size| pickler.size(size));
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests;
