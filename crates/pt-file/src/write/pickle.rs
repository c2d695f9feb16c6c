//! A value to pickle protocol 2, with no operation that `torch.load(weights_only=True)` does not know.

use std::collections::HashMap;

use crate::path::Step;
use crate::pickle::{MAX_DEPTH, ORDERED_DICT, REBUILD_TENSOR, op};
use crate::{DType, Dict, Error, Key, Result, Storage, Tensor, Value, ValuePath};

/// What one value becomes: the record `data.pkl`, and the storages that go to `data/0`, `data/1` and so on.
pub(super) struct Pickled<'a> {
    pub(super) pickle: Vec<u8>,
    pub(super) storages: Vec<&'a Storage>,
}

/// Pickles `value`.
pub(super) fn pickle(value: &Value) -> Result<Pickled<'_>> {
    let mut pickler = Pickler { out: vec![op::PROTO, 2], storages: Vec::new(), seen: HashMap::new(), path: Vec::new() };
    pickler.value(value)?;
    pickler.out.push(op::STOP);
    Ok(Pickled { pickle: pickler.out, storages: pickler.storages })
}

struct Pickler<'a> {
    out: Vec<u8>,
    storages: Vec<&'a Storage>,
    seen: HashMap<usize, Seen>, // by the address of the storage
    path: Vec<Step>,
}

/// A storage that some tensor has viewed before.
struct Seen {
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
                self.out.extend_from_slice(&value.to_be_bytes()); // the one number in a pickle that is big-endian
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

    fn below(&mut self, step: Step, write: impl FnOnce(&mut Self) -> Result<()>) -> Result<()> {
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
        items.try_for_each(|(index, item)| self.below(Step::Index(index), |pickler| pickler.value(item)))
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
                pickler.below(Step::Key(key.clone()), |pickler| pickler.value(value))
            })
        })?;
        // `__dict__` of the OrderedDict, which BUILD updates, is itself a dict of the attributes' names.
        if let Some(metadata) = dict.metadata() {
            self.out.push(op::EMPTY_DICT);
            self.marked(false, op::SETITEMS, |pickler| {
                pickler.str("_metadata")?;
                pickler.below(Step::Metadata, |pickler| pickler.dict(metadata))
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

    /// The items of a list or dict, in one go: a mark, the items, and the operation that takes all down to the mark.
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
        let layout = tensor.layout();
        let number = self.storage_number(tensor)?;
        self.global(REBUILD_TENSOR);
        self.tuple(6, |pickler| {
            pickler.persistent_id(number, tensor)?;
            pickler.size(layout.offset());
            pickler.sizes(layout.shape())?;
            pickler.sizes(layout.strides())?;
            pickler.bool(false);
            pickler.empty_ordered_dict();
            Ok(())
        })?;
        self.out.push(op::REDUCE);
        Ok(())
    }

    /// `("storage", torch.FloatStorage, "0", "cpu", number of elements)`, which stands for the record `data/0`.
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

    fn storage_number(&mut self, tensor: &'a Tensor) -> Result<usize> {
        let address = tensor.storage().address();
        if let Some(seen) = self.seen.get(&address) {
            if seen.dtype != tensor.dtype() {
                let dtypes = (tensor.dtype(), seen.dtype);
                return Err(Error::TwoDTypes { dtypes, at: self.here(), before: seen.path.clone() });
            }
            return Ok(seen.number);
        }
        let number = self.storages.len();
        self.storages.push(tensor.storage());
        self.seen.insert(address, Seen { number, dtype: tensor.dtype(), path: self.here() });
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

    /// The shortest form, as Python chooses it.
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

    /// Two's complement, little-endian, without the bytes that only repeat the sign.
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

    /// A size of a [`Layout`](crate::Layout), which always fits.
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
mod tests {
    use super::*;

    fn bytes(value: impl Into<Value>) -> Vec<u8> {
        pickle(&value.into()).unwrap().pickle
    }

    // python3 -c "import pickle; print(pickle.dumps(V, 2))", for each V; Python puts values into its memo (q), which
    // nobody fetches, and takes several items with a MARK, which we always write.
    #[test]
    fn scalars_are_pythons() {
        assert_eq!(bytes(Value::None), b"\x80\x02N.");
        assert_eq!(bytes(true), b"\x80\x02\x88.");
        assert_eq!(bytes(false), b"\x80\x02\x89.");
        assert_eq!(bytes(1.5), b"\x80\x02G\x3f\xf8\x00\x00\x00\x00\x00\x00.");
        assert_eq!(bytes("h\u{e9}"), b"\x80\x02X\x03\x00\x00\x00h\xc3\xa9.");
    }

    #[test]
    fn ints_take_the_shortest_form_as_in_python() {
        assert_eq!(bytes(0), b"\x80\x02K\x00.");
        assert_eq!(bytes(255), b"\x80\x02K\xff.");
        assert_eq!(bytes(256), b"\x80\x02M\x00\x01.");
        assert_eq!(bytes(65_536), b"\x80\x02J\x00\x00\x01\x00.");
        assert_eq!(bytes(-1), b"\x80\x02J\xff\xff\xff\xff.");
        assert_eq!(bytes(1i64 << 31), b"\x80\x02\x8a\x05\x00\x00\x00\x80\x00.");
        assert_eq!(bytes(-(1i64 << 31) - 1), b"\x80\x02\x8a\x05\xff\xff\xff\x7f\xff.");
        assert_eq!(bytes(1i64 << 39), b"\x80\x02\x8a\x06\x00\x00\x00\x00\x80\x00.");
        assert_eq!(bytes(-(1i64 << 39)), b"\x80\x02\x8a\x05\x00\x00\x00\x00\x80.");
        assert_eq!(bytes(i64::MAX), b"\x80\x02\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f.");
        assert_eq!(bytes(i64::MIN), b"\x80\x02\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80.");
    }

    #[test]
    fn containers_are_pythons_without_the_memo() {
        assert_eq!(bytes(Value::list::<i64>([])), b"\x80\x02].");
        assert_eq!(bytes(vec![1, 2]), b"\x80\x02](K\x01K\x02e.");
        assert_eq!(bytes(Value::tuple::<i64>([])), b"\x80\x02).");
        assert_eq!(bytes(Value::tuple([1])), b"\x80\x02K\x01\x85.");
        assert_eq!(bytes(Value::tuple([1, 2])), b"\x80\x02K\x01K\x02\x86.");
        assert_eq!(bytes(Value::tuple([1, 2, 3])), b"\x80\x02K\x01K\x02K\x03\x87.");
        assert_eq!(bytes(Value::tuple([1, 2, 3, 4])), b"\x80\x02(K\x01K\x02K\x03K\x04t.");
        assert_eq!(bytes(Dict::new()), b"\x80\x02}.");
        assert_eq!(bytes(Value::dict([(0, "a")])), b"\x80\x02}(K\x00X\x01\x00\x00\x00au.");
    }

    #[test]
    fn an_ordered_dict_carries_its_metadata() {
        let state = Value::state_dict::<&str>([]);
        assert_eq!(
            bytes(state),
            b"\x80\x02ccollections\nOrderedDict\n)R}(X\x09\x00\x00\x00_metadataccollections\nOrderedDict\n)R(\
              X\x00\x00\x00\x00}(X\x07\x00\x00\x00versionK\x01uuub."
        );
    }

    #[test]
    fn a_tensor_is_a_call_on_a_storage() {
        let value = Value::from(Tensor::from_slice(&[1f32, 2.0], &[2, 1]).unwrap());
        let pickled = pickle(&value).unwrap();
        assert_eq!(
            pickled.pickle,
            b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\n\
              X\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x02tQK\x00K\x02K\x01\x86K\x01K\x01\x86\x89\
              ccollections\nOrderedDict\n)RtR."
        );
        assert_eq!(pickled.storages[0].bytes(), [0, 0, 0x80, 0x3f, 0, 0, 0, 0x40]);
    }

    #[test]
    fn a_shared_storage_is_written_once_and_has_one_dtype() {
        let one = Tensor::from_slice(&[1u8, 2], &[2]).unwrap();
        let value = Value::list([one.clone(), one.clone(), Tensor::scalar(0u8)]);
        assert_eq!(pickle(&value).unwrap().storages.len(), 2);

        let layout = crate::Layout::contiguous(DType::I8, &[1]).unwrap();
        let other = Tensor::new(layout, one.storage().clone()).unwrap();
        let value = Value::dict([("a", vec![one].into()), ("b", Value::from(other))]);
        let error = pickle(&value).err().unwrap();
        assert_eq!(error.to_string(), r#"at ["b"]: views as int8 the storage that ["a"][0] views as uint8"#);
    }

    fn nested(levels: usize) -> Value {
        (0..levels).fold(Value::None, |inner, _| Value::list([inner]))
    }

    #[test]
    fn nesting_has_a_limit_and_a_clear_error() {
        assert!(pickle(&nested(MAX_DEPTH)).is_ok());
        let error = pickle(&nested(MAX_DEPTH + 1)).err().unwrap().to_string();
        assert!(error.starts_with("at [0][0]") && error.ends_with("[0]: nested deeper than 128 levels"), "{error}");
        assert!(pickle(&nested(5_000)).is_err());
    }
}
