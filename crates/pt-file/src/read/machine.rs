//! The machine that runs a pickle: a stack, a memo, and the few operations that checkpoints use.

use std::collections::HashMap;

use crate::pickle::op;

use super::calls;
use super::objects::{Container, Global, Heap, Obj};
use super::problem::{PickleProblem as Problem, excerpt};

type Result<T> = std::result::Result<T, Problem>;

/// More than enough for the name of a function.
const MAX_LINE: usize = 256;

/// What a pickle makes: the top of its value, and what that consists of.
#[derive(Debug)]
pub(super) struct Run<'p> {
    pub(super) top: Obj<'p>,
    pub(super) heap: Heap<'p>,
}

/// Runs a pickle. `record_size` tells the length of the record of a storage. An error comes with its position.
pub(super) fn run<'p>(
    pickle: &'p [u8],
    record_size: &dyn Fn(&str) -> Option<u64>,
) -> std::result::Result<Run<'p>, (usize, Problem)> {
    let mut machine = Machine {
        input: Input { pickle, at: 0 },
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        heap: Heap::new(pickle.len()),
        record_size,
    };
    loop {
        let at = machine.input.at;
        let done = machine.input.byte().and_then(|code| machine.step(code)).map_err(|problem| (at, problem))?;
        if let Some(top) = done {
            return Ok(Run { top, heap: machine.heap });
        }
    }
}

struct Machine<'p, 'a> {
    input: Input<'p>,
    stack: Vec<Obj<'p>>,
    marks: Vec<usize>, // heights of the stack
    memo: HashMap<u32, Obj<'p>>,
    heap: Heap<'p>,
    record_size: &'a dyn Fn(&str) -> Option<u64>,
}

impl<'p> Machine<'p, '_> {
    /// One operation. At the end of the program the value.
    fn step(&mut self, code: u8) -> Result<Option<Obj<'p>>> {
        match code {
            op::PROTO => match self.input.byte()? {
                2 => {}
                version => return Err(Problem::Protocol(version)),
            },
            op::STOP => return self.pop("STOP").map(Some),
            op::MARK => self.marks.push(self.stack.len()),
            op::GLOBAL => self.global()?,
            op::REDUCE => self.reduce()?,
            op::BUILD => self.build()?,
            op::BINPERSID => self.persistent_id()?,
            op::BINPUT | op::LONG_BINPUT => {
                let index = self.memo_index(code == op::BINPUT)?;
                let top = self.top("BINPUT")?;
                self.memo.insert(index, top);
            }
            op::BINGET | op::LONG_BINGET => {
                let index = self.memo_index(code == op::BINGET)?;
                let object = *self.memo.get(&index).ok_or(Problem::Memo(index))?;
                self.stack.push(object);
            }
            op::APPEND | op::APPENDS => self.append(code == op::APPEND)?,
            op::SETITEM | op::SETITEMS => self.set_items(code == op::SETITEM)?,
            _ => {
                let object = self.literal(code)?;
                self.stack.push(object);
            }
        }
        Ok(None)
    }

    /// An operation that makes an object.
    fn literal(&mut self, code: u8) -> Result<Obj<'p>> {
        Ok(match code {
            op::NONE => Obj::None,
            op::NEWTRUE => Obj::Bool(true),
            op::NEWFALSE => Obj::Bool(false),
            op::BININT1 => Obj::Int(self.input.byte()?.into()),
            op::BININT2 => Obj::Int(u16::from_le_bytes(self.input.array()?).into()),
            op::BININT => Obj::Int(i32::from_le_bytes(self.input.array()?).into()),
            op::LONG1 => Obj::Int(self.input.long()?),
            op::BINFLOAT => Obj::Float(f64::from_be_bytes(self.input.array()?)),
            op::BINUNICODE => Obj::Str(self.input.string()?),
            op::EMPTY_LIST => self.heap.container(Container::List(Vec::new())),
            op::EMPTY_DICT => self.heap.container(Container::Dict(Box::default())),
            op::EMPTY_TUPLE => self.tuple(0)?,
            op::TUPLE1 => self.tuple(1)?,
            op::TUPLE2 => self.tuple(2)?,
            op::TUPLE3 => self.tuple(3)?,
            op::TUPLE => {
                let items = self.pop_marked("TUPLE")?;
                self.heap.container(Container::Tuple(items))
            }
            _ => return Err(Problem::Opcode(code)),
        })
    }

    fn tuple(&mut self, len: usize) -> Result<Obj<'p>> {
        let start = self.stack.len().checked_sub(len).filter(|&start| start >= self.floor());
        let items = self.stack.drain(start.ok_or(Problem::Operand("TUPLE"))?..).collect();
        Ok(self.heap.container(Container::Tuple(items)))
    }

    /// The height of the stack at the last mark, below which only operations that take the mark reach.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn top(&self, operation: &'static str) -> Result<Obj<'p>> {
        let above_mark = self.stack.len() > self.floor();
        self.stack.last().copied().filter(|_| above_mark).ok_or(Problem::Operand(operation))
    }

    fn pop(&mut self, operation: &'static str) -> Result<Obj<'p>> {
        let top = self.top(operation)?;
        self.stack.pop();
        Ok(top)
    }

    fn pop_marked(&mut self, operation: &'static str) -> Result<Vec<Obj<'p>>> {
        let mark = self.marks.pop().ok_or(Problem::Operand(operation))?;
        Ok(self.stack.drain(mark..).collect())
    }

    fn memo_index(&mut self, short: bool) -> Result<u32> {
        Ok(if short { self.input.byte()?.into() } else { u32::from_le_bytes(self.input.array()?) })
    }

    fn append(&mut self, one: bool) -> Result<()> {
        let items = if one { vec![self.pop("APPEND")?] } else { self.pop_marked("APPENDS")? };
        match self.top("APPENDS")? {
            Obj::Container(index) => match &mut self.heap.containers[index] {
                Container::List(list) if list.is_empty() => *list = items, // as it is, without room for more
                Container::List(list) => list.extend(items),
                _ => return Err(Problem::Operand("APPENDS")),
            },
            _ => return Err(Problem::Operand("APPENDS")),
        }
        Ok(())
    }

    fn set_items(&mut self, one: bool) -> Result<()> {
        let items = if one {
            let value = self.pop("SETITEM")?;
            vec![self.pop("SETITEM")?, value]
        } else {
            self.pop_marked("SETITEMS")?
        };
        let (pairs, []) = items.as_chunks::<2>() else { return Err(Problem::Operand("SETITEMS")) };
        for &[key, _] in pairs {
            if !matches!(key, Obj::Str(_) | Obj::Int(_)) {
                return Err(Problem::Key(self.heap.type_name(key)));
            }
        }
        let target = self.top("SETITEMS")?;
        let dict = self.heap.dict(target).ok_or(Problem::Operand("SETITEMS"))?;
        dict.entries.extend(pairs.iter().map(|&[key, value]| (key, value)));
        Ok(())
    }

    fn global(&mut self) -> Result<()> {
        let (module, name) = (self.input.line()?, self.input.line()?);
        let global = Global::find(module, name).ok_or_else(|| Problem::Global(format!("{module}.{name}")))?;
        self.stack.push(Obj::Global(global));
        Ok(())
    }

    fn reduce(&mut self) -> Result<()> {
        let (arguments, callee) = (self.pop("REDUCE")?, self.pop("REDUCE")?);
        let result = calls::call(&mut self.heap, callee, arguments)?;
        self.stack.push(result);
        Ok(())
    }

    fn persistent_id(&mut self) -> Result<()> {
        let id = self.pop("BINPERSID")?;
        let storage = calls::storage(&mut self.heap, id, self.record_size)?;
        self.stack.push(storage);
        Ok(())
    }

    /// Sets the one attribute that an OrderedDict has: `_metadata`.
    fn build(&mut self) -> Result<()> {
        let (state, target) = (self.pop("BUILD")?, self.top("BUILD")?);
        let refused = |what: &str| Problem::Build(excerpt(what));
        let attributes = self.heap.dict(state).ok_or_else(|| refused("no dict of attributes"))?;
        let metadata = match attributes.entries[..] {
            [(Obj::Str("_metadata"), metadata)] => Some(metadata),
            [] => None,
            [(Obj::Str("_metadata"), _), (Obj::Str(name), _), ..] | [(Obj::Str(name), _), ..] => {
                return Err(refused(name));
            }
            _ => return Err(refused("an int")),
        };
        let type_name = self.heap.type_name(target);
        let dict = self.heap.dict(target).filter(|dict| dict.ordered).ok_or_else(|| refused(type_name))?;
        dict.metadata = metadata.or(dict.metadata);
        Ok(())
    }
}

/// The pickle and how far it has been read.
struct Input<'p> {
    pickle: &'p [u8],
    at: usize,
}

impl<'p> Input<'p> {
    fn take(&mut self, len: usize) -> Result<&'p [u8]> {
        let end = self.at.checked_add(len).ok_or(Problem::Truncated)?;
        let taken = self.pickle.get(self.at..end).ok_or(Problem::Truncated)?;
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.take(N)?.try_into().map_err(|_| Problem::Truncated)
    }

    fn byte(&mut self) -> Result<u8> {
        self.array().map(|[byte]| byte)
    }

    /// Text to the end of the line, as `GLOBAL` has it.
    fn line(&mut self) -> Result<&'p str> {
        let rest = &self.pickle[self.at..];
        let len = rest.iter().take(MAX_LINE).position(|&byte| byte == b'\n').ok_or(Problem::Truncated)?;
        let line = self.take(len)?;
        self.at += 1;
        std::str::from_utf8(line).map_err(|_| Problem::NotUtf8)
    }

    fn string(&mut self) -> Result<&'p str> {
        let len = u32::from_le_bytes(self.array()?);
        let bytes = self.take(usize::try_from(len).map_err(|_| Problem::Truncated)?)?;
        std::str::from_utf8(bytes).map_err(|_| Problem::NotUtf8)
    }

    /// Two's complement of any length, little-endian.
    fn long(&mut self) -> Result<i64> {
        let len = self.byte()?;
        let bytes = self.take(len.into())?;
        let negative = bytes.last().is_some_and(|&last| last >= 0x80);
        let sign = if negative { 0xff } else { 0 };
        let mut wide = [sign; 8];
        let (low, high) = bytes.split_at(bytes.len().min(8));
        wide[..low.len()].copy_from_slice(low);
        let value = i64::from_le_bytes(wide);
        if high.iter().any(|&byte| byte != sign) || (value < 0) != negative {
            return Err(Problem::WideInt);
        }
        Ok(value)
    }
}
