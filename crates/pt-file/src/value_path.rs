use std::fmt;
use std::sync::Arc;

use crate::Key;

/// A position in a value: the keys and indices from the top level down, as one would type them in Python.
///
/// Displayed as `["optimizer"]["state"][0]["exp_avg"]`, and as `the top level` if it is empty.
/// A clone is cheap, and the paths of two children of a value share the path of the value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ValuePath(Option<Arc<LastStep>>);

#[derive(Debug, PartialEq, Eq)]
struct LastStep {
    parent: ValuePath,
    step: Step,
}

impl ValuePath {
    /// The path of a child of the value at this path.
    pub(crate) fn child(&self, step: Step) -> ValuePath {
        ValuePath(Some(Arc::new(LastStep { parent: self.clone(), step })))
    }

    /// The steps from the top level down.
    fn steps(&self) -> Vec<&Step> {
        let last_to_first = std::iter::successors(self.0.as_deref(), |last| last.parent.0.as_deref());
        let mut steps: Vec<_> = last_to_first.map(|last| &last.step).collect();
        steps.reverse();
        steps
    }
}

impl FromIterator<Step> for ValuePath {
    fn from_iter<I: IntoIterator<Item = Step>>(steps: I) -> ValuePath {
        steps.into_iter().fold(ValuePath::default(), |path, step| path.child(step))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Key(Key),
    Index(usize),
    /// The attribute `_metadata` of an OrderedDict.
    Metadata,
    /// A field of an [`Object`](crate::Object): an argument, the state, or the value of an entry.
    Arg(usize),
    State,
    Entry(usize),
}

impl Step {
    /// The start of a key: long enough that `Display` prints it like the whole key.
    pub(crate) fn start_of(key: &str) -> &str {
        key.char_indices().nth(LONG_KEY + 1).map_or(key, |(end, _)| &key[..end])
    }
}

/// `Display` shortens a longer key to this many characters.
const LONG_KEY: usize = 100;

impl fmt::Display for ValuePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_none() {
            return f.write_str("the top level");
        }
        self.steps().into_iter().try_for_each(|step| match step {
            Step::Key(Key::Str(key)) if key.len() > LONG_KEY => {
                let start: String = key.chars().take(LONG_KEY).collect();
                write!(f, "[{start:?}...]")
            }
            Step::Key(key) => write!(f, "[{key}]"),
            Step::Index(index) => write!(f, "[{index}]"),
            Step::Metadata => f.write_str("._metadata"),
            Step::Arg(index) => write!(f, ".args[{index}]"),
            Step::State => f.write_str(".state"),
            Step::Entry(index) => write!(f, ".entries[{index}]"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_displayed_like_a_python_expression() {
        let steps = vec![
            Step::Key("model".into()),
            Step::Metadata,
            Step::Key("".into()),
            Step::Key(0.into()),
            Step::Index(2),
            Step::Key("a\"b\n".into()),
        ];
        assert_eq!(ValuePath::from_iter(steps).to_string(), r#"["model"]._metadata[""][0][2]["a\"b\n"]"#);
        let long = ValuePath::default().child(Step::Key("k".repeat(1000).into())).to_string();
        assert_eq!(long, format!("[\"{}\"...]", "k".repeat(100)));
        assert_eq!(ValuePath::default().to_string(), "the top level");
    }
}
