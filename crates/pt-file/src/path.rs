use std::fmt;

use crate::Key;

/// Where in a value something is: the keys and indices from the top, as one would type them in Python.
///
/// Prints as `["optimizer"]["state"][0]["exp_avg"]`, and the top itself as `the top`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ValuePath(pub(crate) Vec<Step>);

/// One step down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Key(Key),
    Index(usize),
    /// into the `_metadata` attribute of an OrderedDict
    Metadata,
}

impl Step {
    /// As much of a key as is printed of a long one, and enough to see that there is more.
    pub(crate) fn start_of(key: &str) -> &str {
        &key[..key.floor_char_boundary(LONG_KEY * 4 + 1)]
    }
}

/// Beyond this many bytes only the start of a key is printed.
const LONG_KEY: usize = 100;

impl fmt::Display for ValuePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("the top");
        }
        self.0.iter().try_for_each(|step| match step {
            Step::Key(Key::Str(key)) if key.len() > LONG_KEY => {
                let start: String = key.chars().take(LONG_KEY).collect();
                write!(f, "[{start:?}...]")
            }
            Step::Key(key) => write!(f, "[{key}]"),
            Step::Index(index) => write!(f, "[{index}]"),
            Step::Metadata => f.write_str("._metadata"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_python() {
        let steps = vec![
            Step::Key("model".into()),
            Step::Metadata,
            Step::Key("".into()),
            Step::Key(0.into()),
            Step::Index(2),
            Step::Key("a\"b\n".into()),
        ];
        assert_eq!(ValuePath(steps).to_string(), r#"["model"]._metadata[""][0][2]["a\"b\n"]"#);
        let long = ValuePath(vec![Step::Key("k".repeat(1000).into())]).to_string();
        assert_eq!(long, format!("[\"{}\"...]", "k".repeat(100)));
        assert_eq!(ValuePath::default().to_string(), "the top");
    }
}
