//! The bytes of a pickle, read front to back.

use crate::PickleProblem as Problem;

type Result<T> = std::result::Result<T, Problem>;

/// The limit on the length of the name of a module, function or class.
pub(super) const MAX_NAME: usize = 256;

/// A pickle and the position of the next byte.
pub(super) struct PickleInput<'p> {
    pub(super) pickle: &'p [u8],
    pub(super) position: usize,
}

impl<'p> PickleInput<'p> {
    pub(super) fn take(&mut self, len: usize) -> Result<&'p [u8]> {
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

    /// The bytes up to a line feed, at most `limit`.
    pub(super) fn line(&mut self, limit: usize) -> Result<&'p [u8]> {
        let rest = &self.pickle[self.position..];
        let len = rest.iter().take(limit).position(|&byte| byte == b'\n').ok_or(Problem::Truncated)?;
        let line = self.take(len)?;
        self.position += 1;
        Ok(line)
    }

    /// A name in `GLOBAL`: text up to a line feed.
    pub(super) fn name(&mut self) -> Result<&'p str> {
        std::str::from_utf8(self.line(MAX_NAME)?).map_err(|_| Problem::NotUtf8)
    }

    /// The bytes after their length in 1, 4 or 8 bytes.
    pub(super) fn counted<const N: usize>(&mut self) -> Result<&'p [u8]> {
        let mut len = [0; 8];
        len[..N].copy_from_slice(&self.array::<N>()?);
        self.take(usize::try_from(u64::from_le_bytes(len)).map_err(|_| Problem::Truncated)?)
    }
}
