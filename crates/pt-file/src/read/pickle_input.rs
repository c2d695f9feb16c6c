//! The bytes of a pickle, read front to back.

use crate::PickleProblem as Problem;

type Result<T> = std::result::Result<T, Problem>;

/// The limit on the length of the name of a module, function or class.
const MAX_LINE: usize = 256;

/// A pickle and the position of the next byte.
pub(super) struct PickleInput<'p> {
    pub(super) pickle: &'p [u8],
    pub(super) position: usize,
}

impl<'p> PickleInput<'p> {
    fn take(&mut self, len: usize) -> Result<&'p [u8]> {
        let end = self.position.checked_add(len).ok_or(Problem::Truncated)?;
        let taken = self.pickle.get(self.position..end).ok_or(Problem::Truncated)?;
        self.position = end;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        self.take(N)?.try_into().map_err(|_| Problem::Truncated)
    }

    pub(super) fn byte(&mut self) -> Result<u8> {
        self.array().map(|[byte]| byte)
    }

    /// Text up to a line feed, as in `GLOBAL`.
    pub(super) fn line(&mut self) -> Result<&'p str> {
        let rest = &self.pickle[self.position..];
        let len = rest.iter().take(MAX_LINE).position(|&byte| byte == b'\n').ok_or(Problem::Truncated)?;
        let line = self.take(len)?;
        self.position += 1;
        std::str::from_utf8(line).map_err(|_| Problem::NotUtf8)
    }

    /// UTF-8 text after its length in 32 bits, as in `BINUNICODE`.
    pub(super) fn string(&mut self) -> Result<&'p str> {
        let len = u32::from_le_bytes(self.array()?);
        let bytes = self.take(usize::try_from(len).map_err(|_| Problem::Truncated)?)?;
        std::str::from_utf8(bytes).map_err(|_| Problem::NotUtf8)
    }

    /// A little-endian two's complement number after its length in bytes, as in `LONG1`.
    pub(super) fn long(&mut self) -> Result<i64> {
        let len = self.byte()?;
        let bytes = self.take(len.into())?;
        let negative = bytes.last().is_some_and(|&last| last >= 0x80);
        let sign = if negative { 0xff } else { 0 };
        let mut wide = [sign; 8];
        let (low, high) = bytes.split_at(bytes.len().min(8));
        wide[..low.len()].copy_from_slice(low);
        let value = i64::from_le_bytes(wide);
        if high.iter().any(|&byte| byte != sign) || (value < 0) != negative {
            return Err(Problem::IntTooLarge);
        }
        Ok(value)
    }
}
