use std::fmt;

/// The key of a dict entry.
///
/// A dict with a key of another type, such as a tensor or an enum, is an [`Object`](crate::Object) named `builtins.dict`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Key {
    /// `str`, such as the parameter names in a state dict.
    Str(String),
    /// `int`, such as the parameter indices in an optimizer's state.
    Int(i64),
    /// `None`
    None,
    /// `bool`
    Bool(bool),
    /// `float`, by its bits
    Float(FloatBits),
    /// `bytes`
    Bytes(Vec<u8>),
    /// `tuple`
    Tuple(Vec<Key>),
}

/// A `float` as a key. Compared by its bits, so that NaN equals itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FloatBits(u64);

impl FloatBits {
    /// The number.
    pub fn get(self) -> f64 {
        f64::from_bits(self.0)
    }
}

impl From<f64> for FloatBits {
    fn from(value: f64) -> FloatBits {
        FloatBits(value.to_bits())
    }
}

impl Key {
    /// The string, or `None` for another type.
    pub fn as_str(&self) -> Option<&str> {
        if let Key::Str(key) = self { Some(key) } else { None }
    }
}

impl From<&str> for Key {
    fn from(key: &str) -> Key {
        Key::Str(key.to_owned())
    }
}

impl From<String> for Key {
    fn from(key: String) -> Key {
        Key::Str(key)
    }
}

impl From<i64> for Key {
    fn from(key: i64) -> Key {
        Key::Int(key)
    }
}

/// Like Python's `repr`, with double quotes: `"weight"` or `0`.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Str(key) => write!(f, "{key:?}"),
            Key::Int(key) => write!(f, "{key}"),
            Key::None => f.write_str("None"),
            Key::Bool(true) => f.write_str("True"),
            Key::Bool(false) => f.write_str("False"),
            Key::Float(key) => write!(f, "{:?}", key.get()),
            Key::Bytes(key) => write!(f, "b\"{}\"", key.escape_ascii()),
            Key::Tuple(keys) => {
                f.write_str("(")?;
                keys.iter().try_for_each(|key| write!(f, "{key}, "))?;
                f.write_str(")")
            }
        }
    }
}
