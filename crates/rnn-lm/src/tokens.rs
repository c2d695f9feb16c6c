//! Splits text into tokens and joins tokens to text. Tokens are words in lower case and punctuation marks, or characters.
//!
//! `The students opened their books, didn't they?` becomes
//! `the students opened their books , didn't they ?`, as in the lecture's example.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The unit of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// A word in lower case, or a punctuation mark. White space separates words and is dropped.
    Word,
    /// A character, unchanged. White space is a token too.
    Char,
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unit::Word => "word",
            Unit::Char => "character",
        })
    }
}

impl Unit {
    /// Splits a text into tokens.
    ///
    /// A word is a sequence of letters, digits and `_`, with single hyphens and apostrophes inside it. Every other character
    /// that is not white space is one token. In Python: `re.findall(r"\w+(?:['’-]\w+)*|[^\w\s]", text.lower())`.
    pub fn split(self, text: &str) -> Vec<String> {
        let mut tokens = Vec::new();
        self.for_each(text, |token| tokens.push(token.to_owned()));
        tokens
    }

    /// Calls `visit` with each token of [`Unit::split`], which are not stored.
    pub fn for_each(self, text: &str, mut visit: impl FnMut(&str)) {
        match self {
            Unit::Word => words(&text.to_lowercase(), visit),
            Unit::Char => text.split("").filter(|character| !character.is_empty()).for_each(&mut visit),
        }
    }

    /// Joins tokens to a text. There is no space before a comma or after an opening bracket.
    pub fn join<'a>(self, tokens: impl IntoIterator<Item = &'a str>) -> String {
        let mut text = String::new();
        for token in tokens {
            let without_space = token.starts_with([',', '.', ';', ':', '!', '?', ')', ']', '”', '’', '—'])
                || text.ends_with(['(', '[', '“', '‘', '—']);
            if self == Unit::Word && !text.is_empty() && !without_space {
                text.push(' ');
            }
            text += token;
        }
        text
    }
}

fn words(text: &str, mut visit: impl FnMut(&str)) {
    let mut word = String::new();
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let inside = !word.is_empty() && matches!(character, '\'' | '’' | '-');
        if is_word(character) || inside && characters.peek().is_some_and(|&next| is_word(next)) {
            word.push(character);
            continue;
        }
        if !word.is_empty() {
            visit(&word);
            word.clear();
        }
        if !character.is_whitespace() {
            visit(character.encode_utf8(&mut [0; 4]));
        }
    }
    if !word.is_empty() {
        visit(&word);
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_in_python() {
        // python3 -c "import re; print(re.findall(r\"\w+(?:['’-]\w+)*|[^\w\s]\", \"As the proctor...\".lower()))"
        for (text, tokens) in [
            ("As the proctor started the clock,\nthe students", "as|the|proctor|started|the|clock|,|the|students"),
            ("the clock , the", "the|clock|,|the"),
            ("Don't! The whale’s a sperm-whale--yes", "don't|!|the|whale’s|a|sperm-whale|-|-|yes"),
            ("'tis rock-'n'-roll' a- -b x''y", "'|tis|rock|-|'|n|'|-|roll|'|a|-|-|b|x|'|'|y"),
            ("나는 학교에 갔다. 그래서 (정말)", "나는|학교에|갔다|.|그래서|(|정말|)"),
            ("1,000 _x_ é—", "1|,|000|_x_|é|—"),
            (" \n\t", ""),
        ] {
            assert_eq!(Unit::Word.split(text).join("|"), tokens, "{text:?}");
        }
        assert_eq!(Unit::Char.split("A 나\n"), ["A", " ", "나", "\n"]);
    }

    #[test]
    fn joined_words_have_the_usual_spaces() {
        let join = |text: &str| Unit::Word.join(text.split_whitespace());
        assert_eq!(
            join("“ call me ishmael ( or not ) , ” he said ; yes !"),
            "“call me ishmael (or not),” he said; yes!"
        );
        assert_eq!(Unit::Char.join(["a", " ", ","]), "a ,");
    }
}
