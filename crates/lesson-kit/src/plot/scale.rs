//! From a gate's value to a colour.

use super::Color;

/// Shades of a scale: white has one to itself, and they are so few that neighbours often share one, which keeps a picture of
/// thousands of cells small.
pub(super) const SHADES: usize = 33;

/// What a map's values can be; each has its own colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// A gate, 0 (closed) to 1 (open): white to green.
    Sigmoid,
    /// A squashed value, -1 to 1: orange, white, blue.
    Tanh,
    /// Any value, such as an LSTM's cell: orange, white at 0, violet; as far as the values go.
    Unbounded,
}

impl Scale {
    /// The shade of a value, `0..SHADES`; `None` if it is no number. `largest` ends the unbounded scale.
    pub(super) fn shade(self, value: f32, largest: f64) -> Option<usize> {
        let share = self.share(f64::from(value), largest).clamp(0.0, 1.0);
        value.is_finite().then(|| (share * (SHADES - 1) as f64).round() as usize)
    }

    /// The colour of a shade.
    pub(super) fn color(self, shade: usize) -> Color {
        let share = shade as f64 / (SHADES - 1) as f64;
        let paper = Color(247, 247, 247);
        match self {
            Scale::Sigmoid => Color::on_ramp(&[paper, Color(102, 194, 164), Color(0, 68, 27)], share),
            Scale::Tanh => {
                let (orange, blue) = (Color(230, 130, 30), Color(50, 120, 190));
                Color::on_ramp(&[Color(140, 60, 0), orange, paper, blue, Color(0, 40, 100)], share)
            }
            Scale::Unbounded => {
                let (orange, violet) = (Color(230, 130, 30), Color(128, 115, 172));
                Color::on_ramp(&[Color(140, 60, 0), orange, paper, violet, Color(45, 0, 75)], share)
            }
        }
    }

    /// Where a value lies between the ends, 0 to 1.
    fn share(self, value: f64, largest: f64) -> f64 {
        match self {
            Scale::Sigmoid => value,
            Scale::Tanh => (value + 1.0) / 2.0,
            Scale::Unbounded => (value / largest + 1.0) / 2.0,
        }
    }

    /// What stands at its ends.
    pub(super) fn ends(self, largest: f64) -> (String, String) {
        match self {
            Scale::Sigmoid => ("0 closed".to_owned(), "1 open".to_owned()),
            Scale::Tanh => ("\u{2212}1".to_owned(), "1".to_owned()),
            Scale::Unbounded => (format!("\u{2212}{largest}"), largest.to_string()),
        }
    }
}

/// To one significant digit, so that the end of the scale is a number one can say; 1 where there is nothing.
pub(super) fn rounded_up(value: f64) -> f64 {
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
    fn ends_and_middle_have_their_colours() {
        let paper = Color(247, 247, 247);
        for (scale, low, zero) in [(Scale::Tanh, -1.0, 0.0), (Scale::Unbounded, -4.0, 0.0)] {
            assert_eq!(scale.shade(low, 4.0), Some(0));
            assert_eq!(scale.shade(-low, 4.0), Some(SHADES - 1));
            assert_eq!(scale.shade(zero, 4.0).map(|shade| scale.color(shade)), Some(paper));
        }
        assert_eq!(Scale::Sigmoid.shade(0.0, 1.0).map(|shade| Scale::Sigmoid.color(shade)), Some(paper));
        assert_eq!(Scale::Sigmoid.shade(1.5, 1.0), Some(SHADES - 1));
        assert_eq!(Scale::Tanh.shade(f32::NAN, 1.0), None);
    }

    #[test]
    fn the_unbounded_scale_ends_with_a_number_one_can_say() {
        for (value, end) in [(0.0, "1"), (3.3, "4"), (0.021, "0.03"), (4.0, "4"), (12.0, "20"), (0.95, "1")] {
            assert_eq!(rounded_up(value).to_string(), end);
        }
    }
}
