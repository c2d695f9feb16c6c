//! Formulas in one line: what stands lower than the rest.

/// A piece of a formula.
#[derive(Debug, PartialEq, Eq)]
pub struct Part<'a> {
    pub text: &'a str,
    /// A subscript.
    pub lowered: bool,
}

/// The pieces of `r_t = σ(W_ir x_t + h_{t−1})`: an underscore lowers the letters and digits that follow, or what stands
/// in braces.
pub fn parts<'a>(formula: &'a str) -> Vec<Part<'a>> {
    let mut parts = Vec::new();
    let mut push = |text: &'a str, lowered| parts.extend((!text.is_empty()).then_some(Part { text, lowered }));
    let mut rest = formula;
    while let Some((before, after)) = rest.split_once('_') {
        push(before, false);
        let braces = after.strip_prefix('{').and_then(|inside| inside.split_once('}'));
        let (lowered, behind) = braces.unwrap_or_else(|| {
            after.split_at(after.find(|letter: char| !letter.is_alphanumeric()).unwrap_or(after.len()))
        });
        push(lowered, true);
        rest = behind;
    }
    push(rest, false);
    parts
}

/// The size of a subscript beside that of the formula.
pub const LOWERED: f64 = 0.72;

/// About how wide the formula is at `size`.
pub fn width(formula: &str, size: f64) -> f64 {
    let letters = |part: Part<'_>| part.text.chars().count() as f64 * if part.lowered { LOWERED } else { 1.0 };
    0.55 * size * parts(formula).into_iter().map(letters).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscripts_are_letters_or_stand_in_braces() {
        let read = |formula| parts(formula).into_iter().map(|part| (part.text, part.lowered)).collect::<Vec<_>>();
        assert_eq!(read("h_t = z * h_{t−1}"), [("h", false), ("t", true), (" = z * h", false), ("t−1", true)]);
        assert_eq!(read("W_ir x"), [("W", false), ("ir", true), (" x", false)]);
        assert_eq!(read("plain"), [("plain", false)]);
        assert_eq!(read("a_ b_{c"), [("a", false), (" b", false), ("{c", false)]);
        assert_eq!(read(""), []);
    }
}
