//! One line of text with subscripts, such as the equation of a gate.

use plotters::backend::DrawingBackend;

use super::canvas::{Area, Drawn, INK, LABEL, LEFT, font};

/// The parts of a formula such as `r_t = σ(W_ir x_t + h_{t−1})`, each with `true` for a subscript. A subscript is the letters
/// and digits after an underscore, or what is in braces.
fn parts(formula: &str) -> impl Iterator<Item = (&str, bool)> {
    let parts = formula.split('_').enumerate().flat_map(|(index, text)| {
        let word = || text.split_at(text.find(|letter: char| !letter.is_alphanumeric()).unwrap_or(text.len()));
        let braces = text.strip_prefix('{').and_then(|inside| inside.split_once('}'));
        let (subscript, normal) = if index == 0 { ("", text) } else { braces.unwrap_or_else(word) };
        [(subscript, true), (normal, false)]
    });
    parts.filter(|(text, _)| !text.is_empty())
}

/// Draws a formula with its left end at `at`, in smaller letters if it is wider than `room`.
pub fn draw<B: DrawingBackend>(area: &Area<B>, formula: &str, at: (i32, i32), room: i32) -> Drawn<B> {
    let width = |text: &str, size| area.estimate_text_size(text, &font(size, INK)).map(|(width, _)| width as i32);
    let subscript_size = |size: i32| size * 18 / 25;
    let widths = parts(formula).map(|(text, low)| width(text, if low { subscript_size(LABEL) } else { LABEL }));
    let size = LABEL * room / widths.sum::<Result<i32, _>>()?.max(room);
    let mut x = at.0;
    for (text, low) in parts(formula) {
        let (size, drop) = if low { (subscript_size(size), size * 8 / 25) } else { (size, 0) };
        // SVG removes spaces at the start of a text.
        let start = text.trim_start();
        x += width(&text[..text.len() - start.len()], size)?;
        area.draw_text(start, &font(size, INK).pos(LEFT), (x, at.1 + drop))?;
        x += width(start, size)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscripts_are_letters_or_in_braces() {
        let read = |formula| parts(formula).collect::<Vec<_>>();
        assert_eq!(read("h_t = z * h_{t−1}"), [("h", false), ("t", true), (" = z * h", false), ("t−1", true)]);
        assert_eq!(read("W_ir x"), [("W", false), ("ir", true), (" x", false)]);
        assert_eq!(read("plain"), [("plain", false)]);
        assert_eq!(read("a_ b_{c"), [("a", false), (" b", false), ("{c", false)]);
        assert_eq!(read(""), []);
    }
}
