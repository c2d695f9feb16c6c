use std::fmt;

/// The key of a dict entry. Python allows more types, but checkpoints use only these two.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Key {
    /// `str`, such as the parameter names in a state dict.
    Str(String),
    /// `int`, such as the parameter indices in an optimizer's state.
    Int(i64),
}

impl Key {
    /// The string, or `None` for an int.
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
        }
    }
}
