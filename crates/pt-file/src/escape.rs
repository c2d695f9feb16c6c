use std::borrow::Cow;
use std::fmt::Write;

/// Text from a file, safe to print on a terminal as a part of one line.
///
/// A file from a stranger can contain escape sequences, which move the cursor or change the window's title, line breaks,
/// which forge whole lines, and bidirectional controls, which reorder a line. They are replaced by `\n`, `\t`, `\r` or
/// `\u001b`, as in JSON and Python. All other text is unchanged, in any script.
///
/// ```
/// assert_eq!(pt_file::escape("rnn.\u{1b}[2J\nerror"), r"rnn.\u001b[2J\nerror");
/// assert_eq!(pt_file::escape("가중치"), "가중치");
/// ```
pub fn escape(text: &str) -> Cow<'_, str> {
    escape_if(text, is_unsafe)
}

/// [`escape`] for text of several lines: line breaks (`\n`) and tabs are unchanged.
pub fn escape_lines(text: &str) -> Cow<'_, str> {
    escape_if(text, |character| is_unsafe(character) && !matches!(character, '\n' | '\t'))
}

/// Control characters, line separators, and the marks, embeddings, overrides and isolates of bidirectional text.
fn is_unsafe(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn escape_if(text: &str, is_unsafe: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            other if !is_unsafe(other) => escaped.push(other),
            '\n' => escaped.push_str("\\n"),
            '\t' => escaped.push_str("\\t"),
            '\r' => escaped.push_str("\\r"),
            other => drop(write!(escaped, "\\u{:04x}", u32::from(other))), // writing to a String cannot fail
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_line_breaks_and_bidirectional_controls_are_escaped() {
        for (text, escaped) in [
            ("\u{1b}[2J\u{7}", r"\u001b[2J\u0007"),
            ("a\nb\r\nc\td", r"a\nb\r\nc\td"),
            ("\u{0}\u{7f}\u{9b}31m", r"\u0000\u007f\u009b31m"),
            ("\u{202e}x\u{2066}y\u{2069}\u{200f}\u{61c}", r"\u202ex\u2066y\u2069\u200f\u061c"),
            ("a\u{2028}b\u{2029}", r"a\u2028b\u2029"),
        ] {
            assert_eq!(escape(text), escaped);
        }
        assert_eq!(escape_lines("a\n\tb\r\u{1b}"), "a\n\tb\\r\\u001b");
    }

    #[test]
    fn printable_text_is_unchanged() {
        for text in ["", "rnn.weight_hh_l0", "나는 학교에 갔다.", "é—“…” 👩‍💻", r#"C:\x "quoted" 'y'"#]
        {
            assert!(matches!(escape(text), Cow::Borrowed(same) if same == text));
            assert!(matches!(escape_lines(text), Cow::Borrowed(same) if same == text));
        }
    }
}
