//! The machine that runs a pickle: a stack, a memo, and the few operations that checkpoints use.

use crate::pickle::op;

use super::budget::Budget;
use super::calls;
use super::objects::{Global, Heap, Kind, Obj};
use super::problem::{PickleProblem as Problem, excerpt};

type Result<T> = std::result::Result<T, Problem>;

/// More than enough for the name of a function.
const MAX_LINE: usize = 256;

/// What a pickle makes: the top of its value, and what that consists of.
#[derive(Debug)]
pub(super) struct Run<'p> {
    pub(super) top: Obj,
    pub(super) heap: Heap<'p>,
}

/// Runs a pickle. `record_size` tells the length of the record of a storage. An error comes with its position.
pub(super) fn run<'p>(
    pickle: &'p [u8],
    budget: Budget,
    record_size: &dyn Fn(&str) -> Option<u64>,
) -> std::result::Result<Run<'p>, (usize, Problem)> {
    let mut machine = Machine {
        input: Input { pickle, at: 0 },
        stack: Vec::new(),
        marks: Vec::new(),
        memo: Vec::new(),
        paid: 0,
        heap: Heap::new(budget),
        record_size,
    };
    loop {
        let at = machine.input.at;
        let done = machine.input.byte().and_then(|code| machine.step(code)).map_err(|problem| (at, problem))?;
        if let Some(top) = done {
            machine.heap.budget.refund(machine.paid); // nobody needs the stack and the memo any more
            return Ok(Run { top, heap: machine.heap });
        }
    }
}

struct Machine<'p, 'a> {
    input: Input<'p>,
    stack: Vec<Obj>,
    marks: Vec<u32>, // heights of the stack
    memo: Vec<Obj>,
    /// for the stack, the marks and the memo
    paid: usize,
    heap: Heap<'p>,
    record_size: &'a dyn Fn(&str) -> Option<u64>,
}

impl<'p> Machine<'p, '_> {
    /// One operation. At the end of the program the value.
    fn step(&mut self, code: u8) -> Result<Option<Obj>> {
        match code {
            op::PROTO => match self.input.byte()? {
                2 => {}
                version => return Err(Problem::Protocol(version)),
            },
            op::STOP => return self.pop("STOP").map(Some),
            op::MARK => {
                self.pay_for_growth(self.marks.len() == self.marks.capacity(), size_of_val(&*self.marks))?;
                self.marks.push(self.stack.len() as u32);
            }
            op::GLOBAL => self.global()?,
            op::REDUCE => self.reduce()?,
            op::BUILD => self.build()?,
            op::BINPERSID => self.persistent_id()?,
            op::BINPUT | op::LONG_BINPUT => self.memorize(code == op::BINPUT)?,
            op::BINGET | op::LONG_BINGET => {
                let index = self.memo_index(code == op::BINGET)?;
                let object = *self.memo.get(index as usize).ok_or(Problem::Memo(index))?;
                self.push(object)?;
            }
            op::APPEND | op::APPENDS => self.append(code == op::APPEND)?,
            op::SETITEM | op::SETITEMS => self.set_items(code == op::SETITEM)?,
            _ => {
                let object = self.literal(code)?;
                self.push(object)?;
            }
        }
        Ok(None)
    }

    /// An operation that makes an object.
    fn literal(&mut self, code: u8) -> Result<Obj> {
        Ok(match code {
            op::NONE => Obj::None,
            op::NEWTRUE => Obj::Bool(true),
            op::NEWFALSE => Obj::Bool(false),
            op::BININT1 => Obj::Int(self.input.byte()?.into()),
            op::BININT2 => Obj::Int(u16::from_le_bytes(self.input.array()?).into()),
            op::BININT => Obj::Int(i32::from_le_bytes(self.input.array()?).into()),
            op::LONG1 => Obj::Int(self.input.long()?),
            op::BINFLOAT => Obj::Float(f64::from_be_bytes(self.input.array()?)),
            op::BINUNICODE => self.heap.string(self.input.string()?)?,
            op::EMPTY_LIST => self.heap.container(Kind::List)?,
            op::EMPTY_DICT => self.heap.container(Kind::Dict)?,
            op::EMPTY_TUPLE => self.tuple(0)?,
            op::TUPLE1 => self.tuple(1)?,
            op::TUPLE2 => self.tuple(2)?,
            op::TUPLE3 => self.tuple(3)?,
            op::TUPLE => {
                let start = self.mark("TUPLE")?;
                self.tuple_from(start)?
            }
            _ => return Err(Problem::Opcode(code)),
        })
    }

    fn tuple(&mut self, len: usize) -> Result<Obj> {
        let start = self.start_of(len, "TUPLE")?;
        self.tuple_from(start)
    }

    /// A tuple of all that the stack has from `start` on.
    fn tuple_from(&mut self, start: usize) -> Result<Obj> {
        let tuple = self.heap.tuple(&self.stack[start..])?;
        self.stack.truncate(start);
        Ok(tuple)
    }

    /// The height of the stack at the last mark, below which only operations that take the mark reach.
    fn floor(&self) -> usize {
        self.marks.last().map_or(0, |&mark| mark as usize)
    }

    /// Where the last `len` objects of the stack start.
    fn start_of(&self, len: usize, operation: &'static str) -> Result<usize> {
        let start = self.stack.len().checked_sub(len).filter(|&start| start >= self.floor());
        start.ok_or(Problem::Operand(operation))
    }

    /// Takes the last mark: where the objects above it start.
    fn mark(&mut self, operation: &'static str) -> Result<usize> {
        self.marks.pop().map(|mark| mark as usize).ok_or(Problem::Operand(operation))
    }

    fn top(&self, operation: &'static str) -> Result<Obj> {
        let above_mark = self.stack.len() > self.floor();
        self.stack.last().copied().filter(|_| above_mark).ok_or(Problem::Operand(operation))
    }

    fn pop(&mut self, operation: &'static str) -> Result<Obj> {
        let top = self.top(operation)?;
        self.stack.pop();
        Ok(top)
    }

    fn push(&mut self, object: Obj) -> Result<()> {
        self.pay_for_growth(self.stack.len() == self.stack.capacity(), size_of_val(&*self.stack))?;
        self.stack.push(object);
        Ok(())
    }

    /// To be called before something is pushed to a full vector of so many bytes, which will double.
    fn pay_for_growth(&mut self, full: bool, bytes: usize) -> Result<()> {
        if full {
            self.heap.budget.pay(bytes)?;
            self.paid += bytes;
        }
        Ok(())
    }

    fn memo_index(&mut self, short: bool) -> Result<u32> {
        Ok(if short { self.input.byte()?.into() } else { u32::from_le_bytes(self.input.array()?) })
    }

    /// Sets a memo. Those who write pickles number them as they go.
    fn memorize(&mut self, short: bool) -> Result<()> {
        let index = self.memo_index(short)?;
        let top = self.top("BINPUT")?;
        let len = self.memo.len();
        match self.memo.get_mut(index as usize) {
            Some(memo) => *memo = top,
            None if index as usize > len => return Err(Problem::MemoOrder { index, expected: len }),
            None => {
                self.pay_for_growth(len == self.memo.capacity(), size_of_val(&*self.memo))?;
                self.memo.push(top);
            }
        }
        Ok(())
    }

    fn append(&mut self, one: bool) -> Result<()> {
        let start = if one { self.start_of(1, "APPEND")? } else { self.mark("APPENDS")? };
        let list = self.target(start, "APPENDS", |kind| kind == Kind::List)?;
        self.heap.extend(list, &self.stack[start..])?;
        self.stack.truncate(start);
        Ok(())
    }

    fn set_items(&mut self, one: bool) -> Result<()> {
        let start = if one { self.start_of(2, "SETITEM")? } else { self.mark("SETITEMS")? };
        let items = &self.stack[start..];
        let (pairs, []) = items.as_chunks::<2>() else { return Err(Problem::Operand("SETITEMS")) };
        for &[key, _] in pairs {
            if !matches!(key, Obj::Str(_) | Obj::Int(_)) {
                return Err(Problem::Key(self.heap.type_name(key)));
            }
        }
        let dict = self.target(start, "SETITEMS", |kind| kind != Kind::List)?;
        self.heap.extend(dict, items)?;
        self.stack.truncate(start);
        Ok(())
    }

    /// The container below the items that start at `start`, if it is of the right kind.
    fn target(&self, start: usize, operation: &'static str, right: fn(Kind) -> bool) -> Result<u32> {
        let below = start.checked_sub(1).filter(|&below| below >= self.floor());
        match below.map(|below| self.stack[below]) {
            Some(Obj::Container(index)) if right(self.heap.container_at(index).kind) => Ok(index),
            _ => Err(Problem::Operand(operation)),
        }
    }

    fn global(&mut self) -> Result<()> {
        let (module, name) = (self.input.line()?, self.input.line()?);
        let global = Global::find(module, name).ok_or_else(|| Problem::Global(format!("{module}.{name}")))?;
        self.push(Obj::Global(global))
    }

    fn reduce(&mut self) -> Result<()> {
        let (arguments, callee) = (self.pop("REDUCE")?, self.pop("REDUCE")?);
        let result = calls::call(&mut self.heap, callee, arguments)?;
        self.push(result)
    }

    fn persistent_id(&mut self) -> Result<()> {
        let id = self.pop("BINPERSID")?;
        let storage = calls::storage(&mut self.heap, id, self.record_size)?;
        self.push(storage)
    }

    /// Sets the one attribute that an OrderedDict has: `_metadata`.
    fn build(&mut self) -> Result<()> {
        let (state, target) = (self.pop("BUILD")?, self.top("BUILD")?);
        let refused = |what: &str| Problem::Build(excerpt(what));
        let attributes = match state {
            Obj::Container(index) => Some(self.heap.container_at(index)).filter(|state| state.kind != Kind::List),
            _ => None,
        };
        let (attributes, _) = attributes.ok_or_else(|| refused("no dict of attributes"))?.items.as_chunks::<2>();
        let name = |key: Obj| if let Obj::Str(name) = key { self.heap.str_at(name) } else { "an int" };
        let metadata = match *attributes {
            [] => None,
            [[key, metadata]] if name(key) == "_metadata" => Some(metadata),
            [[first, _], [second, _], ..] if name(first) == "_metadata" => return Err(refused(name(second))),
            [[first, _], ..] => return Err(refused(name(first))),
        };
        match target {
            Obj::Container(index) if self.heap.container_at(index).kind == Kind::OrderedDict => {
                metadata.map_or(Ok(()), |metadata| self.heap.set_metadata(index, metadata))
            }
            _ => Err(refused(self.heap.type_name(target))),
        }
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
