//! The colour of a gate's value.

use plotters::style::RGBColor;

use super::canvas::gradient;

/// The number of colours of a scale. It is odd, so that 0 has its own colour. It is small, so that adjacent cells often have
/// the same colour and are one rectangle in the file.
pub const SHADES: usize = 33;

const PAPER: RGBColor = RGBColor(247, 247, 247);
const BROWN: RGBColor = RGBColor(140, 60, 0);
const ORANGE: RGBColor = RGBColor(230, 130, 30);

/// The range of the values of a map. Each range has its own colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// A gate, from 0 (closed) to 1 (open): white to green.
    Sigmoid,
    /// From -1 to 1: orange, white, blue.
    Tanh,
    /// Any value, such as the cell state of an LSTM: orange, white at 0, violet. The largest absolute value sets the range.
    Unbounded,
    /// A probability: white to black. The largest one sets the range, because those of many words are all small.
    Probability,
}

impl Scale {
    /// The shade of a value, `0..SHADES`; `None` for NaN and infinities. `largest` is the end of a scale without a fixed range.
    pub fn shade(self, value: f32, largest: f64) -> Option<usize> {
        let share = match self {
            Scale::Sigmoid => f64::from(value),
            Scale::Tanh => (f64::from(value) + 1.0) / 2.0,
            Scale::Unbounded => (f64::from(value) / largest + 1.0) / 2.0,
            Scale::Probability => f64::from(value) / largest,
        };
        value.is_finite().then(|| (share.clamp(0.0, 1.0) * (SHADES - 1) as f64).round() as usize)
    }

    /// The colour of a shade.
    pub fn color(self, shade: usize) -> RGBColor {
        let share = shade as f64 / (SHADES - 1) as f64;
        match self {
            Scale::Sigmoid => gradient(&[PAPER, RGBColor(102, 194, 164), RGBColor(0, 68, 27)], share),
            Scale::Tanh => gradient(&[BROWN, ORANGE, PAPER, RGBColor(50, 120, 190), RGBColor(0, 40, 100)], share),
            Scale::Unbounded => gradient(&[BROWN, ORANGE, PAPER, RGBColor(128, 115, 172), RGBColor(45, 0, 75)], share),
            Scale::Probability => gradient(&[PAPER, RGBColor(150, 150, 150), RGBColor(20, 20, 20)], share),
        }
    }

    /// The labels at the ends of its colour bar.
    pub fn ends(self, largest: f64) -> [String; 2] {
        match self {
            Scale::Sigmoid => ["0 closed".to_owned(), "1 open".to_owned()],
            Scale::Tanh => ["\u{2212}1".to_owned(), "1".to_owned()],
            Scale::Unbounded => [format!("\u{2212}{largest}"), largest.to_string()],
            Scale::Probability => ["0 %".to_owned(), format!("{} %", (1e6 * largest).round() / 1e4)],
        }
    }

    /// The value as text: two decimals, or a percentage with one decimal.
    pub fn label(self, value: f32) -> String {
        let text = match self {
            Scale::Probability => format!("{:.1}", 100.0 * value),
            _ => format!("{value:.2}"),
        };
        text.replace('-', "\u{2212}")
    }
}

/// Rounds up to one significant digit, for a short label at the end of a scale. 0 becomes 1.
pub fn rounded_up(value: f64) -> f64 {
    if value <= 0.0 {
        return 1.0;
    }
    let unit = 10f64.powf(value.log10().floor());
    let digit = (value / unit - 1e-9).ceil();
    if unit >= 1.0 { digit * unit } else { digit / (1.0 / unit).round() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_and_zero_have_their_colours() {
        for (scale, low) in [(Scale::Tanh, -1.0), (Scale::Unbounded, -4.0)] {
            assert_eq!(scale.shade(low, 4.0), Some(0));
            assert_eq!(scale.shade(-low, 4.0), Some(SHADES - 1));
            assert_eq!(scale.shade(0.0, 4.0).map(|shade| scale.color(shade)), Some(PAPER));
        }
        assert_eq!(Scale::Sigmoid.shade(0.0, 1.0).map(|shade| Scale::Sigmoid.color(shade)), Some(PAPER));
        assert_eq!(Scale::Sigmoid.shade(1.5, 1.0), Some(SHADES - 1));
        assert_eq!(Scale::Tanh.shade(f32::NAN, 1.0), None);
        assert_eq!(Scale::Probability.shade(0.02, 0.02), Some(SHADES - 1));
        assert_eq!(Scale::Probability.ends(0.02), ["0 %", "2 %"]);
        assert_eq!((Scale::Probability.label(0.9962), Scale::Tanh.label(-0.5)), ("99.6".into(), "\u{2212}0.50".into()));
    }

    #[test]
    fn the_unbounded_scale_ends_at_one_significant_digit() {
        for (value, end) in [(0.0, "1"), (3.3, "4"), (0.021, "0.03"), (4.0, "4"), (12.0, "20"), (0.95, "1")] {
            assert_eq!(rounded_up(value).to_string(), end);
        }
    }
}
