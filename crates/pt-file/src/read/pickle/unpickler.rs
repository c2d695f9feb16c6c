//! The unpickler: a stack machine with a memo.

use std::borrow::Cow;

use super::arena::{Arena, ContainerKind, Object};
use super::input::{MAX_NAME, PickleInput};
use super::memory_budget::MemoryBudget;
use super::{decimal, text};
use crate::pickle_format::op;
use crate::{BigInt, PickleProblem as Problem};

pub(super) type Result<T> = std::result::Result<T, Problem>;

/// The result of a pickle: its top-level object, the arena with the others, and the position after the pickle.
#[derive(Debug)]
pub(in crate::read) struct Unpickled<'p> {
    pub(in crate::read) root: Object,
    pub(in crate::read) arena: Arena<'p>,
    pub(in crate::read) end: usize,
}

/// Executes a pickle. Bytes after it are ignored. An error has its position in the pickle.
pub(in crate::read) fn unpickle(
    pickle: &[u8],
    budget: MemoryBudget,
) -> std::result::Result<Unpickled<'_>, (usize, Problem)> {
    let unpickled = unpickle_with_problems(pickle, budget)?;
    unpickled.arena.problems().first().map_or(Ok(()), |problem| Err(problem.clone()))?;
    Ok(unpickled)
}

/// The same, but an invalid operation makes an [`Object::Invalid`] if the operations after it can still be executed. The
/// caller must reject the pickle if its arena has problems.
pub(in crate::read) fn unpickle_with_problems(
    pickle: &[u8],
    budget: MemoryBudget,
) -> std::result::Result<Unpickled<'_>, (usize, Problem)> {
    let mut unpickler = Unpickler {
        input: PickleInput { pickle, position: 0 },
        at: 0,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: Vec::new(),
        memoized: 0,
        working_memory: 0,
        arena: Arena::new(budget),
    };
    loop {
        unpickler.at = unpickler.input.position;
        let done = unpickler.input.byte().and_then(|code| unpickler.step(code));
        let done = done.map_err(|problem| (unpickler.at, problem))?;
        if let Some(root) = done {
            unpickler.arena.budget.release(unpickler.working_memory); // the stack and the memo are dropped
            return Ok(Unpickled { root, arena: unpickler.arena, end: unpickler.input.position });
        }
    }
}

pub(super) struct Unpickler<'p> {
    pub(super) input: PickleInput<'p>,
    /// The position of the operation.
    pub(super) at: usize,
    pub(super) stack: Vec<Object>,
    pub(super) marks: Vec<u32>, // heights of the stack
    pub(super) memo: Vec<Option<Object>>,
    /// The number of entries of the memo, which `MEMOIZE` uses as the next index.
    pub(super) memoized: usize,
    /// The bytes reserved for the stack, the marks and the memo.
    pub(super) working_memory: usize,
    pub(super) arena: Arena<'p>,
}

impl<'p> Unpickler<'p> {
    /// Executes one operation. `STOP` returns the root object.
    fn step(&mut self, code: u8) -> Result<Option<Object>> {
        match code {
            op::PROTO => match self.input.byte()? {
                0..=5 => {}
                version => return Err(Problem::Protocol(version)),
            },
            op::FRAME => drop(self.input.take(8)?),
            op::STOP => return self.pop("STOP").map(Some),
            op::MARK => {
                self.reserve_growth(self.marks.len() == self.marks.capacity(), size_of_val(&*self.marks))?;
                self.marks.push(self.stack.len() as u32);
            }
            op::POP if self.stack.len() == self.floor() && !self.marks.is_empty() => drop(self.marks.pop()),
            op::POP => drop(self.pop("POP")?),
            op::POP_MARK => {
                let start = self.pop_mark("POP_MARK")?;
                self.stack.truncate(start);
            }
            op::BUILD => {
                let (state, target) = (self.pop("BUILD")?, self.top("BUILD")?);
                if !self.arena.set_state(target, state) {
                    let problem = Problem::Attribute(self.arena.type_name(target).to_owned());
                    self.invalidate_top(problem)?;
                }
            }
            op::READONLY_BUFFER => {
                self.top("READONLY_BUFFER")?;
                self.invalidate_top(Problem::Opcode(code))?;
            }
            op::PUT | op::BINPUT | op::LONG_BINPUT => {
                let index = self.memo_index(code)?;
                self.set_memo(index)?;
            }
            op::MEMOIZE => self.set_memo(self.memoized as u32)?,
            op::APPEND => self.extend(1, "APPEND", false)?,
            op::APPENDS | op::ADDITEMS => self.extend_from_mark("APPENDS", false)?,
            op::SETITEM => self.extend(2, "SETITEM", true)?,
            op::SETITEMS => self.extend_from_mark("SETITEMS", true)?,
            _ => {
                let object = self.new_object(code)?;
                self.push(object)?;
            }
        }
        Ok(None)
    }

    /// The object of an operation that pushes one.
    fn new_object(&mut self, code: u8) -> Result<Object> {
        Ok(match code {
            op::NONE => Object::None,
            op::NEWTRUE => Object::Bool(true),
            op::NEWFALSE => Object::Bool(false),
            op::BININT1 => Object::Int(self.input.byte()?.into()),
            op::BININT2 => Object::Int(u16::from_le_bytes(self.input.array()?).into()),
            op::BININT => Object::Int(i32::from_le_bytes(self.input.array()?).into()),
            op::LONG1 => self.input.counted::<1>().and_then(|bytes| self.int(Cow::Borrowed(bytes)))?,
            op::LONG4 => self.input.counted::<4>().and_then(|bytes| self.int(Cow::Borrowed(bytes)))?,
            op::INT | op::LONG | op::FLOAT => self.decimal(code)?,
            op::BINFLOAT => Object::Float(f64::from_be_bytes(self.input.array()?)),

            op::SHORT_BINUNICODE => self.input.counted::<1>().and_then(|bytes| self.string(bytes))?,
            op::BINUNICODE => self.input.counted::<4>().and_then(|bytes| self.string(bytes))?,
            op::BINUNICODE8 => self.input.counted::<8>().and_then(|bytes| self.string(bytes))?,
            op::UNICODE => match text::raw_unicode_escape(self.input.line(usize::MAX)?) {
                Some(text) => self.arena.add_string(text)?,
                None => Object::InvalidStr,
            },
            op::SHORT_BINSTRING => {
                self.input.counted::<1>().and_then(|bytes| self.python_2_string(Cow::Borrowed(bytes)))?
            }
            op::BINSTRING => self.input.counted::<4>().and_then(|bytes| self.python_2_string(Cow::Borrowed(bytes)))?,
            op::STRING => match text::string_literal(self.input.line(usize::MAX)?) {
                Some(bytes) => self.python_2_string(Cow::Owned(bytes))?,
                None => self.invalid(Problem::Operand("STRING"))?,
            },
            op::SHORT_BINBYTES => Object::Bytes(self.arena.add_bytes(self.input.counted::<1>()?)?),
            op::BINBYTES => Object::Bytes(self.arena.add_bytes(self.input.counted::<4>()?)?),
            op::BINBYTES8 => Object::Bytes(self.arena.add_bytes(self.input.counted::<8>()?)?),
            op::BYTEARRAY8 => Object::ByteArray(self.arena.add_bytes(self.input.counted::<8>()?)?),

            op::EMPTY_LIST => self.arena.add_container(ContainerKind::List)?,
            op::EMPTY_DICT => self.arena.add_container(ContainerKind::Dict)?,
            op::EMPTY_SET => self.arena.add_container(ContainerKind::Set)?,
            op::LIST => self.container_from_mark(ContainerKind::List)?,
            op::DICT => self.container_from_mark(ContainerKind::Dict)?,
            op::FROZENSET => self.container_from_mark(ContainerKind::FrozenSet)?,
            op::EMPTY_TUPLE => self.tuple(0)?,
            op::TUPLE1 => self.tuple(1)?,
            op::TUPLE2 => self.tuple(2)?,
            op::TUPLE3 => self.tuple(3)?,
            op::TUPLE => self.tuple_from_mark()?,

            op::DUP => self.top("DUP")?,
            op::GET | op::BINGET | op::LONG_BINGET => {
                let index = self.memo_index(code)?;
                let object = self.memo.get(index as usize).copied().flatten();
                object.map_or_else(|| self.invalid(Problem::UnsetMemo(index)), Ok)?
            }
            _ => self.reference(code)?,
        })
    }

    /// The object of an operation that names or calls something.
    fn reference(&mut self, code: u8) -> Result<Object> {
        match code {
            op::GLOBAL => {
                let (module, name) = (self.input.name()?, self.input.name()?);
                self.arena.add_global(module.into(), name.into())
            }
            op::STACK_GLOBAL => {
                let (name, module) = (self.pop("STACK_GLOBAL")?, self.pop("STACK_GLOBAL")?);
                let text = |object| self.arena.as_str(object).filter(|text| text.len() <= MAX_NAME).map(str::to_owned);
                let (Some(module), Some(name)) = (text(module), text(name)) else {
                    return self.invalid(Problem::Operand("STACK_GLOBAL"));
                };
                self.arena.add_global(module.into(), name.into())
            }
            op::REDUCE | op::NEWOBJ => {
                let (args, callee) = (self.pop("REDUCE")?, self.pop("REDUCE")?);
                self.arena.add_call(callee, args)
            }
            op::NEWOBJ_EX => {
                let (keywords, args) = (self.pop("NEWOBJ_EX")?, self.pop("NEWOBJ_EX")?);
                let callee = self.pop("NEWOBJ_EX")?;
                let Some(args) = self.arena.as_tuple(args) else {
                    return self.invalid(Problem::Operand("NEWOBJ_EX"));
                };
                let args = [args, &[keywords]].concat();
                let args = self.arena.add_tuple(&args)?;
                self.arena.add_call(callee, args)
            }
            op::INST => {
                let (module, name) = (self.input.name()?, self.input.name()?);
                let args = self.tuple_from_mark()?;
                let callee = self.arena.add_global(module.into(), name.into())?;
                self.arena.add_call(callee, args)
            }
            op::OBJ => {
                let start = self.pop_mark("OBJ")?;
                let &[callee, ref args @ ..] = &self.stack[start..] else {
                    return self.invalid(Problem::Operand("OBJ"));
                };
                let args = self.arena.add_tuple(args)?;
                self.stack.truncate(start);
                self.arena.add_call(callee, args)
            }
            op::BINPERSID => {
                let id = self.pop("BINPERSID")?;
                self.arena.add_persistent(id)
            }
            op::PERSID => {
                let id = self.arena.add_string(self.input.name()?)?;
                self.arena.add_persistent(id)
            }
            // These need data from outside the pickle.
            op::EXT1 | op::EXT2 | op::EXT4 => {
                self.input.take(1 << (code - op::EXT1))?;
                self.invalid(Problem::Opcode(code))
            }
            op::NEXT_BUFFER => self.invalid(Problem::Opcode(code)),
            _ => Err(Problem::Opcode(code)),
        }
    }

    /// The int of little-endian two's complement bytes.
    fn int(&mut self, bytes: Cow<'p, [u8]>) -> Result<Object> {
        match (bytes.len() <= 9).then(|| BigInt::from_le_bytes(&bytes).as_i64()).flatten() {
            Some(small) => Ok(Object::Int(small)),
            None => Ok(Object::BigInt(self.arena.add_bytes(bytes)?)),
        }
    }

    /// A number in decimal. `I00` and `I01` are bools.
    fn decimal(&mut self, code: u8) -> Result<Object> {
        let line = self.input.line(usize::MAX)?;
        let line = std::str::from_utf8(line).map_err(|_| Problem::NotUtf8)?.trim();
        if code == op::FLOAT {
            return line.parse().map(Object::Float).or_else(|_| self.invalid(Problem::Operand("FLOAT")));
        }
        match (line, line.parse::<i64>()) {
            ("00", _) if code == op::INT => Ok(Object::Bool(false)),
            ("01", _) if code == op::INT => Ok(Object::Bool(true)),
            (_, Ok(small)) => Ok(Object::Int(small)),
            _ => {
                let digits = line.strip_suffix('L').unwrap_or(line);
                let Some(bytes) = decimal::parse(digits) else { return self.invalid(Problem::Operand("LONG")) };
                self.int(BigInt::from_le_bytes(&bytes).as_le_bytes().to_vec().into())
            }
        }
    }

    /// A string of UTF-8. The builder rejects an invalid one, because it has the path of the string.
    fn string(&mut self, bytes: &'p [u8]) -> Result<Object> {
        std::str::from_utf8(bytes).map_or(Ok(Object::InvalidStr), |text| self.arena.add_string(text))
    }

    /// A `str` of Python 2, which is bytes. As in torch.load, it is decoded as UTF-8; if that fails, it is `bytes`.
    fn python_2_string(&mut self, bytes: Cow<'p, [u8]>) -> Result<Object> {
        match bytes {
            Cow::Borrowed(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => self.arena.add_string(text),
                Err(_) => self.arena.add_bytes(bytes).map(Object::Bytes),
            },
            Cow::Owned(bytes) => match String::from_utf8(bytes) {
                Ok(text) => self.arena.add_string(text),
                Err(error) => self.arena.add_bytes(error.into_bytes()).map(Object::Bytes),
            },
        }
    }
}
