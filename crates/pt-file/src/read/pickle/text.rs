//! Strings as protocols 0 and 1 write them: `STRING` is a Python 2 literal, `UNICODE` has `\u` escapes.

/// The bytes of a Python 2 string literal with its quotes; `None` if it is not one.
pub(super) fn string_literal(line: &[u8]) -> Option<Vec<u8>> {
    let line = line.trim_ascii();
    let inner = match line {
        [b'\'', inner @ .., b'\''] | [b'"', inner @ .., b'"'] => inner,
        _ => return None,
    };
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner.iter().copied().peekable();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        let escaped = rest.next()?;
        match escaped {
            b'n' => bytes.push(b'\n'),
            b't' => bytes.push(b'\t'),
            b'r' => bytes.push(b'\r'),
            b'a' => bytes.push(7),
            b'b' => bytes.push(8),
            b'f' => bytes.push(12),
            b'v' => bytes.push(11),
            b'x' => bytes.push(digit(rest.next()?, 16)? * 16 + digit(rest.next()?, 16)?),
            b'0'..=b'7' => {
                let mut value = u32::from(escaped - b'0');
                for _ in 0..2 {
                    let Some(next) = rest.peek().and_then(|&next| digit(next, 8)) else { break };
                    value = value * 8 + u32::from(next);
                    rest.next();
                }
                bytes.push(value as u8);
            }
            b'\\' | b'\'' | b'"' => bytes.push(escaped),
            b'\n' => {}
            other => bytes.extend_from_slice(&[b'\\', other]),
        }
    }
    Some(bytes)
}

/// The text of Python's codec raw-unicode-escape; `None` for an invalid or surrogate code point.
pub(super) fn raw_unicode_escape(line: &[u8]) -> Option<String> {
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    while let [first, after @ ..] = rest {
        let digits = match (first, after.first()) {
            (b'\\', Some(b'u')) => 4,
            (b'\\', Some(b'U')) => 8,
            _ => {
                text.push(char::from(*first));
                rest = after;
                continue;
            }
        };
        let code =
            after.get(1..=digits)?.iter().try_fold(0u32, |code, &hex| Some(code << 4 | u32::from(digit(hex, 16)?)));
        text.push(char::from_u32(code?)?);
        rest = &after[digits + 1..];
    }
    Some(text)
}

fn digit(byte: u8, radix: u32) -> Option<u8> {
    char::from(byte).to_digit(radix).map(|digit| digit as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn python_2_literals_are_decoded() {
        assert_eq!(string_literal(br"'a\n\'\x41\101\0z'").unwrap(), b"a\n'AA\0z");
        assert_eq!(string_literal(br#""it's""#).unwrap(), b"it's");
        assert_eq!(string_literal(br"'\q'").unwrap(), br"\q");
        assert!(
            string_literal(b"'").is_none() && string_literal(br"'\x4'").is_none() && string_literal(b"x").is_none()
        );
    }

    #[test]
    fn unicode_escapes_are_decoded() {
        assert_eq!(raw_unicode_escape(b"a\xe9\\u20ac\\U0001f43b\\n").unwrap(), "aé€🐻\\n");
        assert!(raw_unicode_escape(br"\u12").is_none() && raw_unicode_escape(br"\ud800").is_none());
    }
}
