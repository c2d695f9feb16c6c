//! Names, numbers, strings and bytes.

use super::Pickler;
use crate::pickle_format::{ENCODE, op};
use crate::{BigInt, Error, Result};

impl Pickler<'_> {
    pub(super) fn global(&mut self, (module, name): (&str, &str)) {
        self.out.push(op::GLOBAL);
        for part in [module, name] {
            self.out.extend_from_slice(part.as_bytes());
            self.out.push(b'\n');
        }
    }

    pub(super) fn bool(&mut self, value: bool) {
        self.out.push(if value { op::NEWTRUE } else { op::NEWFALSE });
    }

    /// The shortest form, as in Python.
    pub(super) fn int(&mut self, value: i64) {
        if let Ok(value) = u8::try_from(value) {
            self.out.extend_from_slice(&[op::BININT1, value]);
        } else if let Ok(value) = u16::try_from(value) {
            self.out.push(op::BININT2);
            self.out.extend_from_slice(&value.to_le_bytes());
        } else if let Ok(value) = i32::try_from(value) {
            self.out.push(op::BININT);
            self.out.extend_from_slice(&value.to_le_bytes());
        } else {
            let long = BigInt::from_le_bytes(&value.to_le_bytes());
            self.out.extend_from_slice(&[op::LONG1, long.as_le_bytes().len() as u8]);
            self.out.extend_from_slice(long.as_le_bytes());
        }
    }

    /// An int of at most 255 bytes, the limit of the only operation that torch.load(weights_only=True) reads.
    pub(super) fn long(&mut self, bytes: &[u8]) -> Result<()> {
        let Ok(len) = u8::try_from(bytes.len()) else {
            return Err(self.unwritable(format!("an int of {} bits", 8 * bytes.len())));
        };
        self.out.extend_from_slice(&[op::LONG1, len]);
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    pub(super) fn float(&mut self, value: f64) {
        self.out.push(op::BINFLOAT);
        self.out.extend_from_slice(&value.to_be_bytes()); // the only big-endian number in a pickle
    }

    pub(super) fn str(&mut self, value: &str) -> Result<()> {
        let Ok(len) = u32::try_from(value.len()) else {
            return Err(Error::StringTooLong { at: self.here(), bytes: value.len() });
        };
        self.out.push(op::BINUNICODE);
        self.out.extend_from_slice(&len.to_le_bytes());
        self.out.extend_from_slice(value.as_bytes());
        Ok(())
    }

    /// `_codecs.encode(text, "latin1")`
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Result<()> {
        self.global(ENCODE);
        let text: String = bytes.iter().copied().map(char::from).collect();
        self.call(2, |pickler| {
            pickler.str(&text)?;
            pickler.str("latin1")
        })
    }
}
