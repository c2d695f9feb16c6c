//! The stack, the marks and the memo of the unpickler.

use super::arena::{ContainerKind, Object};
use super::unpickler::{Result, Unpickler};
use crate::PickleProblem as Problem;
use crate::pickle_format::op;

impl Unpickler<'_> {
    /// The object in place of the result of this operation.
    pub(super) fn invalid(&mut self, problem: Problem) -> Result<Object> {
        self.arena.add_invalid(self.at, problem)
    }

    /// Replaces the object that this operation cannot change.
    pub(super) fn invalidate_top(&mut self, problem: Problem) -> Result<()> {
        let invalid = self.invalid(problem)?;
        if let Some(top) = self.stack.last_mut() {
            *top = invalid;
        }
        Ok(())
    }

    pub(super) fn tuple(&mut self, len: usize) -> Result<Object> {
        let start = self.start_of(len, "TUPLE")?;
        self.tuple_from(start)
    }

    pub(super) fn tuple_from_mark(&mut self) -> Result<Object> {
        let start = self.pop_mark("TUPLE")?;
        self.tuple_from(start)
    }

    /// A tuple of the objects of the stack from `start` on.
    pub(super) fn tuple_from(&mut self, start: usize) -> Result<Object> {
        let tuple = self.arena.add_tuple(&self.stack[start..])?;
        self.stack.truncate(start);
        Ok(tuple)
    }

    pub(super) fn container_from_mark(&mut self, kind: ContainerKind) -> Result<Object> {
        let start = self.pop_mark("LIST")?;
        let container = self.arena.add_container(kind)?;
        if kind == ContainerKind::Dict && !(self.stack.len() - start).is_multiple_of(2) {
            self.stack.truncate(start);
            return self.invalid(Problem::Operand("DICT"));
        }
        if self.stack.len() > start {
            self.arena.extend(container, &self.stack[start..], kind == ContainerKind::Dict)?;
        }
        self.stack.truncate(start);
        Ok(container)
    }

    /// The height of the stack at the last mark. Operations that do not remove the mark cannot go below it.
    pub(super) fn floor(&self) -> usize {
        self.marks.last().map_or(0, |&mark| mark as usize)
    }

    /// The position of the last `len` objects of the stack.
    pub(super) fn start_of(&self, len: usize, operation: &'static str) -> Result<usize> {
        let start = self.stack.len().checked_sub(len).filter(|&start| start >= self.floor());
        start.ok_or(Problem::Operand(operation))
    }

    /// Removes the last mark and returns the position of the objects above it.
    pub(super) fn pop_mark(&mut self, operation: &'static str) -> Result<usize> {
        self.marks.pop().map(|mark| mark as usize).ok_or(Problem::Operand(operation))
    }

    pub(super) fn top(&self, operation: &'static str) -> Result<Object> {
        let above_mark = self.stack.len() > self.floor();
        self.stack.last().copied().filter(|_| above_mark).ok_or(Problem::Operand(operation))
    }

    pub(super) fn pop(&mut self, operation: &'static str) -> Result<Object> {
        let top = self.top(operation)?;
        self.stack.pop();
        Ok(top)
    }

    pub(super) fn push(&mut self, object: Object) -> Result<()> {
        self.reserve_growth(self.stack.len() == self.stack.capacity(), size_of_val(&*self.stack))?;
        self.stack.push(object);
        Ok(())
    }

    /// Reserves memory before a push to a vector of this many bytes. If it is full, the push doubles it.
    pub(super) fn reserve_growth(&mut self, full: bool, bytes: usize) -> Result<()> {
        if full {
            self.arena.budget.reserve(bytes)?;
            self.working_memory += bytes;
        }
        Ok(())
    }

    pub(super) fn memo_index(&mut self, code: u8) -> Result<u32> {
        match code {
            op::BINPUT | op::BINGET => self.input.byte().map(u32::from),
            op::LONG_BINPUT | op::LONG_BINGET => self.input.array().map(u32::from_le_bytes),
            _ => self.input.name()?.trim().parse().map_err(|_| Problem::Operand("PUT")),
        }
    }

    /// Sets a memo entry. Picklers number them almost consecutively, so an index beyond the position is damage.
    pub(super) fn set_memo(&mut self, index: u32) -> Result<()> {
        let (top, at) = (self.top("BINPUT")?, index as usize);
        if at > self.input.position {
            return Err(Problem::MemoOrder { index, limit: self.input.position });
        }
        if at >= self.memo.len() {
            let more = (at + 1 - self.memo.capacity().min(at + 1)).max(self.memo.len()) * size_of::<Option<Object>>();
            self.reserve_growth(at >= self.memo.capacity(), more)?;
            self.memo.resize(at + 1, None);
        }
        self.memoized += usize::from(self.memo[at].is_none());
        self.memo[at] = Some(top);
        Ok(())
    }

    pub(super) fn extend_from_mark(&mut self, operation: &'static str, keyed: bool) -> Result<()> {
        let start = self.pop_mark(operation)?;
        self.extend(self.stack.len() - start, operation, keyed)
    }

    /// Adds the last `len` objects to the list, set or dict below them.
    pub(super) fn extend(&mut self, len: usize, operation: &'static str, keyed: bool) -> Result<()> {
        let start = self.start_of(len, operation)?;
        let below = start.checked_sub(1).filter(|&below| below >= self.floor()).ok_or(Problem::Operand(operation))?;
        let is_paired = !keyed || len.is_multiple_of(2);
        let is_valid = is_paired && self.arena.extend(self.stack[below], &self.stack[start..], keyed)?;
        self.stack.truncate(start);
        if is_valid { Ok(()) } else { self.invalidate_top(Problem::Operand(operation)) }
    }
}
