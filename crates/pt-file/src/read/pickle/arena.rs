//! The objects that an unpickler creates.
//!
//! Objects that contain others are in an arena and are referred to by their index. So one object can be used many
//! times, a list can contain itself, and no function here is recursive. An [`Object`] takes only 16 bytes, because a
//! malicious pickle can make one from each byte. A tuple takes no more than its items, because each tensor needs
//! several tuples.

use std::borrow::Cow;

use super::memory_budget::{ALLOCATION, MemoryBudget};
use crate::PickleProblem;

type Result<T> = std::result::Result<T, PickleProblem>;

/// A small object itself, or the index of an object in its arena.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::read) enum Object {
    None,
    Bool(bool),
    Int(i64),
    /// The index of little-endian two's complement bytes.
    BigInt(u32),
    Float(f64),
    Str(u32),
    /// A string that is not valid Unicode, without its bytes.
    InvalidStr,
    Bytes(u32),
    ByteArray(u32),
    Tuple(Span),
    Container(u32),
    Global(u32),
    Call(u32),
    /// A reference to something outside the pickle, such as a storage. The index of its id.
    Persistent(u32),
    /// The result of an invalid operation. The index of the problem. The builder rejects it, because it has the path.
    Invalid(u32),
}

/// The position of a tuple's items in the arena.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::read) struct Span {
    start: u32,
    len: u32,
}

/// A list, dict or set. It can grow after its creation, and can contain itself.
#[derive(Debug)]
pub(in crate::read) struct Container {
    pub(in crate::read) kind: ContainerKind,
    /// For a dict: key, value, key, value and so on.
    pub(in crate::read) items: Vec<Object>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::read) enum ContainerKind {
    List,
    Dict,
    Set,
    FrozenSet,
}

/// What Python would call, and what it would do with the result. Here it is data.
#[derive(Debug)]
pub(in crate::read) struct Call {
    pub(in crate::read) callee: Object,
    /// Usually a tuple.
    pub(in crate::read) args: Object,
    /// The operand of `BUILD`.
    pub(in crate::read) state: Option<Object>,
    /// The operands of `APPENDS` and `ADDITEMS`.
    pub(in crate::read) items: Vec<Object>,
    /// The operands of `SETITEMS`: key, value, key, value and so on.
    pub(in crate::read) entries: Vec<Object>,
}

/// The arenas, one for each type of object. Each method that adds an object reserves its memory in `budget`.
#[derive(Debug)]
pub(in crate::read) struct Arena<'p> {
    pub(in crate::read) budget: MemoryBudget,
    strings: Vec<Cow<'p, str>>,
    bytes: Vec<Cow<'p, [u8]>>,
    tuple_items: Vec<Object>,
    containers: Vec<Container>,
    globals: Vec<(Cow<'p, str>, Cow<'p, str>)>,
    calls: Vec<Call>,
    persistent_ids: Vec<Object>,
    problems: Vec<(usize, PickleProblem)>,
}

impl<'p> Arena<'p> {
    pub(super) fn new(budget: MemoryBudget) -> Arena<'p> {
        Arena {
            budget,
            strings: Vec::new(),
            bytes: Vec::new(),
            tuple_items: Vec::new(),
            containers: Vec::new(),
            globals: Vec::new(),
            calls: Vec::new(),
            persistent_ids: Vec::new(),
            problems: Vec::new(),
        }
    }

    pub(super) fn add_string(&mut self, string: impl Into<Cow<'p, str>>) -> Result<Object> {
        let string = string.into();
        let owned = if let Cow::Owned(owned) = &string { owned.len() + ALLOCATION } else { 0 };
        self.budget.reserve(size_of_val(&string) + owned)?;
        Ok(Object::Str(push(&mut self.strings, string)))
    }

    /// The index of bytes, for `Object::Bytes` and other objects.
    pub(super) fn add_bytes(&mut self, bytes: impl Into<Cow<'p, [u8]>>) -> Result<u32> {
        let bytes = bytes.into();
        let owned = if let Cow::Owned(owned) = &bytes { owned.len() + ALLOCATION } else { 0 };
        self.budget.reserve(size_of_val(&bytes) + owned)?;
        Ok(push(&mut self.bytes, bytes))
    }

    pub(super) fn add_tuple(&mut self, items: &[Object]) -> Result<Object> {
        self.budget.reserve(size_of_val(items))?;
        let start = self.tuple_items.len() as u32;
        self.tuple_items.extend_from_slice(items);
        Ok(Object::Tuple(Span { start, len: items.len() as u32 }))
    }

    pub(super) fn add_container(&mut self, kind: ContainerKind) -> Result<Object> {
        self.budget.reserve(size_of::<Container>())?;
        Ok(Object::Container(push(&mut self.containers, Container { kind, items: Vec::new() })))
    }

    pub(super) fn add_global(&mut self, module: Cow<'p, str>, name: Cow<'p, str>) -> Result<Object> {
        let owned = [&module, &name].map(|text| if let Cow::Owned(text) = text { text.len() + ALLOCATION } else { 0 });
        self.budget.reserve(2 * size_of_val(&module) + owned[0] + owned[1])?;
        Ok(Object::Global(push(&mut self.globals, (module, name))))
    }

    pub(super) fn add_call(&mut self, callee: Object, args: Object) -> Result<Object> {
        self.budget.reserve(size_of::<Call>())?;
        let call = Call { callee, args, state: None, items: Vec::new(), entries: Vec::new() };
        Ok(Object::Call(push(&mut self.calls, call)))
    }

    pub(super) fn add_persistent(&mut self, id: Object) -> Result<Object> {
        self.budget.reserve(size_of::<Object>())?;
        Ok(Object::Persistent(push(&mut self.persistent_ids, id)))
    }

    /// The object in place of the result of an invalid operation at this position.
    pub(super) fn add_invalid(&mut self, at: usize, problem: PickleProblem) -> Result<Object> {
        self.budget.reserve(size_of::<(usize, PickleProblem)>() + ALLOCATION)?;
        Ok(Object::Invalid(push(&mut self.problems, (at, problem))))
    }

    /// Appends items to a list or set, or keys and values to a dict. False if `target` is none of these.
    pub(super) fn extend(&mut self, target: Object, items: &[Object], keyed: bool) -> Result<bool> {
        let old = match target {
            Object::Container(index) => {
                let container = &mut self.containers[index as usize];
                if keyed != (container.kind == ContainerKind::Dict) {
                    return Ok(false);
                }
                &mut container.items
            }
            Object::Call(index) if keyed => &mut self.calls[index as usize].entries,
            Object::Call(index) => &mut self.calls[index as usize].items,
            _ => return Ok(false),
        };
        // Most lists of a malicious pickle are short, so the cost of the allocation counts.
        let first = if old.is_empty() { ALLOCATION } else { 0 };
        self.budget.reserve(size_of_val(items) + first)?;
        if old.is_empty() {
            old.reserve_exact(items.len()); // most containers get all their items at once
        }
        old.extend_from_slice(items);
        Ok(true)
    }

    /// Sets the state of a call. False if `target` is no call, or has a state already.
    pub(super) fn set_state(&mut self, target: Object, state: Object) -> bool {
        let Object::Call(index) = target else { return false };
        let old = &mut self.calls[index as usize].state;
        old.is_none() && {
            *old = Some(state);
            true
        }
    }

    pub(in crate::read) fn string(&self, index: u32) -> &str {
        &self.strings[index as usize]
    }

    pub(in crate::read) fn bytes(&self, index: u32) -> &[u8] {
        &self.bytes[index as usize]
    }

    pub(in crate::read) fn tuple(&self, span: Span) -> &[Object] {
        &self.tuple_items[span.start as usize..][..span.len as usize]
    }

    pub(in crate::read) fn container(&self, index: u32) -> &Container {
        &self.containers[index as usize]
    }

    /// Module and name.
    pub(in crate::read) fn global(&self, index: u32) -> (&str, &str) {
        let (module, name) = &self.globals[index as usize];
        (module, name)
    }

    /// The module of each class and function that the pickle names.
    pub(in crate::read) fn global_modules(&self) -> impl Iterator<Item = &str> {
        self.globals.iter().map(|(module, _)| &**module)
    }

    pub(in crate::read) fn call(&self, index: u32) -> &Call {
        &self.calls[index as usize]
    }

    pub(in crate::read) fn persistent_id(&self, index: u32) -> Object {
        self.persistent_ids[index as usize]
    }

    pub(in crate::read) fn persistent_ids(&self) -> &[Object] {
        &self.persistent_ids
    }

    pub(in crate::read) fn problem(&self, index: u32) -> &PickleProblem {
        &self.problems[index as usize].1
    }

    /// The positions of the invalid operations, in order, and their problems.
    pub(in crate::read) fn problems(&self) -> &[(usize, PickleProblem)] {
        &self.problems
    }

    /// The items of a tuple; `None` for another object.
    pub(in crate::read) fn as_tuple(&self, object: Object) -> Option<&[Object]> {
        if let Object::Tuple(span) = object { Some(self.tuple(span)) } else { None }
    }

    /// The text of a string; `None` for another object.
    pub(in crate::read) fn as_str(&self, object: Object) -> Option<&str> {
        if let Object::Str(index) = object { Some(self.string(index)) } else { None }
    }

    /// The name of the type, for messages.
    pub(in crate::read) fn type_name(&self, object: Object) -> &'static str {
        match object {
            Object::None => "NoneType",
            Object::Bool(_) => "bool",
            Object::Int(_) | Object::BigInt(_) => "int",
            Object::Float(_) => "float",
            Object::Str(_) | Object::InvalidStr => "str",
            Object::Bytes(_) => "bytes",
            Object::ByteArray(_) => "bytearray",
            Object::Tuple(_) => "tuple",
            Object::Container(index) => match self.container(index).kind {
                ContainerKind::List => "list",
                ContainerKind::Dict => "dict",
                ContainerKind::Set => "set",
                ContainerKind::FrozenSet => "frozenset",
            },
            Object::Global(_) => "a class or function",
            Object::Call(_) => "an object",
            Object::Persistent(_) => "a storage",
            Object::Invalid(_) => "an invalid object",
        }
    }
}

/// Appends an item and returns its index. It fits in 32 bits, because the budget is much smaller.
fn push<T>(arena: &mut Vec<T>, item: T) -> u32 {
    arena.push(item);
    (arena.len() - 1) as u32
}
