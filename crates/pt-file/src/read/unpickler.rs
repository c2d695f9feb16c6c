//! The unpickler: a stack machine with a memo and the few operations that checkpoints use.

use super::calls;
use super::memory_budget::MemoryBudget;
use super::objects::{Arena, ContainerKind, Global, Object};
use super::pickle_input::PickleInput;
use crate::PickleProblem as Problem;
use crate::error::excerpt;
use crate::pickle_format::op;

type Result<T> = std::result::Result<T, Problem>;

/// The result of a pickle: its top-level object, and the arena with the others.
#[derive(Debug)]
pub(super) struct Unpickled<'p> {
    pub(super) root: Object,
    pub(super) arena: Arena<'p>,
}

/// Executes a pickle. `record_size` returns the length of a storage's record. An error has its position in the pickle.
pub(super) fn unpickle<'p>(
    pickle: &'p [u8],
    budget: MemoryBudget,
    record_size: &dyn Fn(&str) -> Option<u64>,
) -> std::result::Result<Unpickled<'p>, (usize, Problem)> {
    let mut unpickler = Unpickler {
        input: PickleInput { pickle, position: 0 },
        stack: Vec::new(),
        marks: Vec::new(),
        memo: Vec::new(),
        working_memory: 0,
        arena: Arena::new(budget),
        record_size,
    };
    loop {
        let at = unpickler.input.position;
        let done = unpickler.input.byte().and_then(|code| unpickler.step(code)).map_err(|problem| (at, problem))?;
        if let Some(root) = done {
            unpickler.arena.budget.release(unpickler.working_memory); // the stack and the memo are dropped
            return Ok(Unpickled { root, arena: unpickler.arena });
        }
    }
}

struct Unpickler<'p, 'a> {
    input: PickleInput<'p>,
    stack: Vec<Object>,
    marks: Vec<u32>, // heights of the stack
    memo: Vec<Object>,
    /// The bytes reserved for the stack, the marks and the memo.
    working_memory: usize,
    arena: Arena<'p>,
    record_size: &'a dyn Fn(&str) -> Option<u64>,
}

impl<'p> Unpickler<'p, '_> {
    /// Executes one operation. `STOP` returns the root object.
    fn step(&mut self, code: u8) -> Result<Option<Object>> {
        match code {
            op::PROTO => match self.input.byte()? {
                2 => {}
                version => return Err(Problem::Protocol(version)),
            },
            op::STOP => return self.pop("STOP").map(Some),
            op::MARK => {
                self.reserve_growth(self.marks.len() == self.marks.capacity(), size_of_val(&*self.marks))?;
                self.marks.push(self.stack.len() as u32);
            }
            op::GLOBAL => self.global()?,
            op::REDUCE => self.reduce()?,
            op::BUILD => self.build()?,
            op::BINPERSID => self.persistent_id()?,
            op::BINPUT | op::LONG_BINPUT => self.set_memo(code == op::BINPUT)?,
            op::BINGET | op::LONG_BINGET => {
                let index = self.memo_index(code == op::BINGET)?;
                let object = *self.memo.get(index as usize).ok_or(Problem::UnsetMemo(index))?;
                self.push(object)?;
            }
            op::APPEND | op::APPENDS => self.append(code == op::APPEND)?,
            op::SETITEM | op::SETITEMS => self.set_items(code == op::SETITEM)?,
            _ => {
                let object = self.new_object(code)?;
                self.push(object)?;
            }
        }
        Ok(None)
    }

    /// The object of an operation that creates one.
    fn new_object(&mut self, code: u8) -> Result<Object> {
        Ok(match code {
            op::NONE => Object::None,
            op::NEWTRUE => Object::Bool(true),
            op::NEWFALSE => Object::Bool(false),
            op::BININT1 => Object::Int(self.input.byte()?.into()),
            op::BININT2 => Object::Int(u16::from_le_bytes(self.input.array()?).into()),
            op::BININT => Object::Int(i32::from_le_bytes(self.input.array()?).into()),
            op::LONG1 => Object::Int(self.input.long()?),
            op::BINFLOAT => Object::Float(f64::from_be_bytes(self.input.array()?)),
            op::BINUNICODE => self.arena.add_string(self.input.string()?)?,
            op::EMPTY_LIST => self.arena.add_container(ContainerKind::List)?,
            op::EMPTY_DICT => self.arena.add_container(ContainerKind::Dict)?,
            op::EMPTY_TUPLE => self.tuple(0)?,
            op::TUPLE1 => self.tuple(1)?,
            op::TUPLE2 => self.tuple(2)?,
            op::TUPLE3 => self.tuple(3)?,
            op::TUPLE => {
                let start = self.pop_mark("TUPLE")?;
                self.tuple_from(start)?
            }
            _ => return Err(Problem::Opcode(code)),
        })
    }

    fn tuple(&mut self, len: usize) -> Result<Object> {
        let start = self.start_of(len, "TUPLE")?;
        self.tuple_from(start)
    }

    /// A tuple of the objects of the stack from `start` on.
    fn tuple_from(&mut self, start: usize) -> Result<Object> {
        let tuple = self.arena.add_tuple(&self.stack[start..])?;
        self.stack.truncate(start);
        Ok(tuple)
    }

    /// The height of the stack at the last mark. Operations that do not remove the mark cannot go below it.
    fn floor(&self) -> usize {
        self.marks.last().map_or(0, |&mark| mark as usize)
    }

    /// The position of the last `len` objects of the stack.
    fn start_of(&self, len: usize, operation: &'static str) -> Result<usize> {
        let start = self.stack.len().checked_sub(len).filter(|&start| start >= self.floor());
        start.ok_or(Problem::Operand(operation))
    }

    /// Removes the last mark and returns the position of the objects above it.
    fn pop_mark(&mut self, operation: &'static str) -> Result<usize> {
        self.marks.pop().map(|mark| mark as usize).ok_or(Problem::Operand(operation))
    }

    fn top(&self, operation: &'static str) -> Result<Object> {
        let above_mark = self.stack.len() > self.floor();
        self.stack.last().copied().filter(|_| above_mark).ok_or(Problem::Operand(operation))
    }

    fn pop(&mut self, operation: &'static str) -> Result<Object> {
        let top = self.top(operation)?;
        self.stack.pop();
        Ok(top)
    }

    fn push(&mut self, object: Object) -> Result<()> {
        self.reserve_growth(self.stack.len() == self.stack.capacity(), size_of_val(&*self.stack))?;
        self.stack.push(object);
        Ok(())
    }

    /// Reserves memory before a push to a vector of this many bytes. If it is full, the push doubles it.
    fn reserve_growth(&mut self, full: bool, bytes: usize) -> Result<()> {
        if full {
            self.arena.budget.reserve(bytes)?;
            self.working_memory += bytes;
        }
        Ok(())
    }

    fn memo_index(&mut self, short: bool) -> Result<u32> {
        Ok(if short { self.input.byte()?.into() } else { u32::from_le_bytes(self.input.array()?) })
    }

    /// Sets a memo entry. Picklers number them consecutively.
    fn set_memo(&mut self, short: bool) -> Result<()> {
        let index = self.memo_index(short)?;
        let top = self.top("BINPUT")?;
        let len = self.memo.len();
        match self.memo.get_mut(index as usize) {
            Some(memo) => *memo = top,
            None if index as usize > len => return Err(Problem::MemoOrder { index, expected: len }),
            None => {
                self.reserve_growth(len == self.memo.capacity(), size_of_val(&*self.memo))?;
                self.memo.push(top);
            }
        }
        Ok(())
    }

    fn append(&mut self, one: bool) -> Result<()> {
        let start = if one { self.start_of(1, "APPEND")? } else { self.pop_mark("APPENDS")? };
        let list = self.target(start, "APPENDS", |kind| kind == ContainerKind::List)?;
        self.arena.extend(list, &self.stack[start..])?;
        self.stack.truncate(start);
        Ok(())
    }

    fn set_items(&mut self, one: bool) -> Result<()> {
        let start = if one { self.start_of(2, "SETITEM")? } else { self.pop_mark("SETITEMS")? };
        let items = &self.stack[start..];
        let (pairs, []) = items.as_chunks::<2>() else { return Err(Problem::Operand("SETITEMS")) };
        for &[key, _] in pairs {
            if !matches!(key, Object::Str(_) | Object::Int(_)) {
                return Err(Problem::Key(self.arena.type_name(key)));
            }
        }
        let dict = self.target(start, "SETITEMS", |kind| kind != ContainerKind::List)?;
        self.arena.extend(dict, items)?;
        self.stack.truncate(start);
        Ok(())
    }

    /// The container below the items at `start`, if it has the right kind.
    fn target(&self, start: usize, operation: &'static str, is_right: fn(ContainerKind) -> bool) -> Result<u32> {
        let below = start.checked_sub(1).filter(|&below| below >= self.floor());
        match below.map(|below| self.stack[below]) {
            Some(Object::Container(index)) if is_right(self.arena.container(index).kind) => Ok(index),
            _ => Err(Problem::Operand(operation)),
        }
    }

    fn global(&mut self) -> Result<()> {
        let (module, name) = (self.input.line()?, self.input.line()?);
        let global = Global::find(module, name).ok_or_else(|| Problem::Global(format!("{module}.{name}")))?;
        self.push(Object::Global(global))
    }

    fn reduce(&mut self) -> Result<()> {
        let (arguments, callee) = (self.pop("REDUCE")?, self.pop("REDUCE")?);
        let result = calls::call(&mut self.arena, callee, arguments)?;
        self.push(result)
    }

    fn persistent_id(&mut self) -> Result<()> {
        let id = self.pop("BINPERSID")?;
        let storage = calls::storage(&mut self.arena, id, self.record_size)?;
        self.push(storage)
    }

    /// Sets the only supported attribute, `_metadata` of an OrderedDict.
    fn build(&mut self) -> Result<()> {
        let (state, target) = (self.pop("BUILD")?, self.top("BUILD")?);
        let refused = |what: &str| Problem::Attribute(excerpt(what));
        let attributes = match state {
            Object::Container(index) => {
                Some(self.arena.container(index)).filter(|state| state.kind != ContainerKind::List)
            }
            _ => None,
        };
        let (attributes, _) = attributes.ok_or_else(|| refused("not a dict of attributes"))?.items.as_chunks::<2>();
        let name = |key: Object| if let Object::Str(name) = key { self.arena.string(name) } else { "an int" };
        let metadata = match *attributes {
            [] => None,
            [[key, metadata]] if name(key) == "_metadata" => Some(metadata),
            [[first, _], [second, _], ..] if name(first) == "_metadata" => return Err(refused(name(second))),
            [[first, _], ..] => return Err(refused(name(first))),
        };
        match target {
            Object::Container(index) if self.arena.container(index).kind == ContainerKind::OrderedDict => {
                metadata.map_or(Ok(()), |metadata| self.arena.set_metadata(index, metadata))
            }
            _ => Err(refused(self.arena.type_name(target))),
        }
    }
}
