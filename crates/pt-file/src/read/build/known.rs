//! The calls that become a simple value. Nothing is called: each name stands for a rule in this file.

use super::super::pickle::{ALLOCATION, Call, ContainerKind, Object};
use super::{Built, PathStep, ValueBuilder};
use crate::{Dict, Result, Value};

impl<'a> ValueBuilder<'_, 'a> {
    /// The value of a call with this name, or `None` if it has no simple value.
    pub(super) fn known(
        &mut self,
        (module, name): (&str, &str),
        args: &[Object],
        call: &Call,
    ) -> Result<Option<Built>> {
        if !call.items.is_empty() || (!call.entries.is_empty() && module != "collections") {
            return Ok(None); // these values have no items, so they are part of an object
        }
        match module {
            "collections" => self.known_collection(name, args, call),
            "builtins" => self.known_builtin(name, args, call),
            "_codecs" => Ok(self.encoded(name, args)?.map(Value::Bytes)),
            "torch.serialization" => match (name, args) {
                ("_get_layout", &[layout]) => {
                    match self.arena.as_str(layout).and_then(|text| text.strip_prefix("torch.")) {
                        Some(layout) => self.name_value("torch", layout).map(Some),
                        None => Ok(None),
                    }
                }
                _ => Ok(None),
            },
            "torch.jit._pickle" => match (name, args) {
                ("build_intlist" | "build_tensorlist" | "build_doublelist" | "build_boollist", &[list])
                | ("restore_type_tag", &[list, _]) => self.value(list).map(Some),
                _ => Ok(None),
            },
            _ if module.starts_with("torch") => self.known_tensor(module, name, args, call),
            _ if module.starts_with("numpy") => self.known_array(module, name, args, call),
            _ => Ok(None),
        }
    }

    fn known_collection(&mut self, name: &str, args: &[Object], call: &Call) -> Result<Option<Built>> {
        match (name, args) {
            ("OrderedDict", []) if self.has_simple_keys(&call.entries) => self.ordered_dict(&call.entries, call.state),
            // Python 2 writes the entries as a list of lists.
            ("OrderedDict", &[Object::Container(list)]) if call.entries.is_empty() => {
                let pairs = self.arena.container(list).items.iter().map(|&pair| self.pair(pair));
                let Some(pairs) = pairs.collect::<Option<Vec<[Object; 2]>>>() else { return Ok(None) };
                let entries = pairs.as_flattened();
                if self.has_simple_keys(entries) { self.ordered_dict(entries, call.state) } else { Ok(None) }
            }
            ("Counter", []) if self.has_simple_keys(&call.entries) => Ok(Some(Value::Dict(self.dict(&call.entries)?))),
            ("Counter", &[counts @ Object::Container(index)])
                if call.entries.is_empty() && self.arena.container(index).kind == ContainerKind::Dict =>
            {
                self.value(counts).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// The two items of a list or tuple.
    fn pair(&self, pair: Object) -> Option<[Object; 2]> {
        let items = match pair {
            Object::Container(index) => &self.arena.container(index).items,
            _ => self.arena.as_tuple(pair)?,
        };
        items.try_into().ok()
    }

    /// An OrderedDict whose only attribute is `_metadata`; `None` if there are others.
    fn ordered_dict(&mut self, entries: &[Object], state: Option<Object>) -> Result<Option<Built>> {
        let metadata = match state {
            None => None,
            Some(Object::Container(index)) => match self.arena.container(index).items[..] {
                [] => None,
                [name, metadata] if self.arena.as_str(name) == Some("_metadata") => Some(metadata),
                _ => return Ok(None),
            },
            Some(_) => return Ok(None),
        };
        let dict = self.dict(entries)?.into_ordered();
        let Some(metadata) = metadata else { return Ok(Some(Value::Dict(dict))) };
        Ok(match self.child(PathStep::Metadata, |builder| builder.value(metadata))? {
            Value::Dict(metadata) => Some(Value::Dict(dict.with_metadata(metadata))),
            _ => None,
        })
    }

    fn known_builtin(&mut self, name: &str, args: &[Object], call: &Call) -> Result<Option<Built>> {
        if call.state.is_some() {
            return Ok(None);
        }
        Ok(match (name, args) {
            ("set", []) => Some(Value::Set(Vec::new())),
            ("frozenset", []) => Some(Value::FrozenSet(Vec::new())),
            ("bytes", []) => Some(Value::Bytes(Vec::new())),
            ("bytearray", []) => Some(Value::ByteArray(Vec::new())),
            ("dict", []) => Some(Value::Dict(Dict::new())),
            ("set", &[Object::Container(list)]) => Some(Value::Set(self.items(&self.arena.container(list).items)?)),
            ("frozenset", &[Object::Container(list)]) => {
                Some(Value::FrozenSet(self.items(&self.arena.container(list).items)?))
            }
            ("complex", &[Object::Float(re), Object::Float(im)]) => Some(Value::Complex(re, im)),
            ("bytearray", &[bytes]) => self.bytes_of(bytes)?.map(Value::ByteArray),
            ("bytearray", _) => self.encoded("encode", args)?.map(Value::ByteArray),
            _ => None,
        })
    }

    /// The bytes of `_codecs.encode(text, "latin1")`, the form of `bytes` in protocol 2; `None` for another call.
    fn encoded(&mut self, name: &str, args: &[Object]) -> Result<Option<Vec<u8>>> {
        let (Some(text), Some("latin1" | "latin-1")) = (
            args.first().and_then(|&text| self.arena.as_str(text)),
            args.get(1).and_then(|&codec| self.arena.as_str(codec)),
        ) else {
            return Ok(None);
        };
        if name != "encode" || args.len() != 2 {
            return Ok(None);
        }
        self.reserve(text.len() + ALLOCATION)?;
        let mut bytes = Vec::with_capacity(text.len());
        for character in text.chars() {
            let Ok(byte) = u8::try_from(u32::from(character)) else { return Ok(None) };
            bytes.push(byte);
        }
        Ok(Some(bytes))
    }

    /// The bytes of an object that is `bytes` or `bytearray`, or a string of Python 2; `None` for another object.
    pub(super) fn bytes_of(&mut self, object: Object) -> Result<Option<Vec<u8>>> {
        match object {
            Object::Bytes(index) | Object::ByteArray(index) => self.copied(index).map(Some),
            Object::Str(index) => self.string(index).map(|text| Some(text.into_bytes())),
            Object::Call(index) => {
                let call = self.arena.call(index);
                let Some(args) = self.arena.as_tuple(call.args) else { return Ok(None) };
                match (self.name_of(call.callee), args) {
                    (Some(("_codecs", name)), _) => self.encoded(name, args),
                    (Some(("builtins", "bytearray")), [_, _]) => self.encoded("encode", args),
                    (Some(("builtins", "bytes" | "bytearray")), []) => Ok(Some(Vec::new())),
                    _ => Ok(None),
                }
            }
            _ => Ok(None),
        }
    }
}
