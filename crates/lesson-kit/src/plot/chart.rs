//! A chart with two axes. An axis has a range, ticks, labels and a name.

use std::ops::Range;

use plotters::backend::DrawingBackend;
use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::cartesian::Cartesian2d;
use plotters::coord::combinators::{IntoLogRange, LogCoord};
use plotters::coord::ranged1d::{BoldPoints, KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::coord::types::RangedCoordf64;
use plotters::style::Color;

use super::canvas::{Area, Drawn, FAINT, GREY, INK, LABEL, NAME, PX, font, text_width};

pub type Chart<'a, B> = ChartContext<'a, B, Cartesian2d<Axis, Axis>>;

/// Draws two axes, with lines across the chart at the ticks of the y axis if `grid`.
pub fn chart<'a, B: DrawingBackend>(area: &Area<B>, x: Axis, y: Axis, grid: bool) -> Drawn<B, Chart<'a, B>> {
    let names = [x.name.clone(), y.name.clone()];
    let mut chart =
        ChartBuilder::on(area).x_label_area_size(x.space).y_label_area_size(y.space).build_cartesian_2d(x, y)?;
    let mut mesh = chart.configure_mesh();
    if !grid {
        mesh.disable_y_mesh();
    }
    mesh.disable_x_mesh()
        .bold_line_style(FAINT.stroke_width(PX as u32))
        .axis_style(GREY.stroke_width(PX as u32))
        .set_all_tick_mark_size(4 * PX)
        .label_style(font(LABEL, GREY))
        .axis_desc_style(font(NAME, INK))
        .x_desc(&names[0])
        .y_desc(&names[1])
        .draw()?;
    Ok(chart)
}

/// One axis of a [`chart`].
pub struct Axis {
    coordinate: Coordinate,
    /// Positions and labels.
    pub ticks: Vec<(f64, String)>,
    name: String,
    /// The space for the labels and the name.
    space: i32,
}

enum Coordinate {
    Linear(RangedCoordf64),
    Log(LogCoord<f64>),
}

impl Axis {
    /// A linear axis with these ticks. The range may decrease: then the axis is reversed.
    pub fn with_ticks(range: Range<f64>, ticks: impl IntoIterator<Item = (f64, String)>) -> Axis {
        let coordinate = Coordinate::Linear(range.into());
        Axis { coordinate, ticks: ticks.into_iter().collect(), name: String::new(), space: 0 }
    }

    /// A linear axis with at most `count` ticks on round numbers. `whole`: on integers only.
    pub fn linear(low: f64, high: f64, count: usize, whole: bool) -> Axis {
        // plotters needs a range that is large compared with the rounding errors of its ends.
        let half = (0.1 * low.abs()).max(0.5);
        let large_enough = high - low > 1e-9 * low.abs().max(high.abs());
        let range = if large_enough { low..high } else { low - half..low + half };
        let mut ticks = RangedCoordf64::from(range.clone()).key_points(BoldPoints(count));
        ticks.retain(|tick| !whole || (tick - tick.round()).abs() < 1e-6);
        let step = if let [first, second, ..] = ticks[..] { second - first } else { 1.0 };
        Axis::with_ticks(range, ticks.into_iter().map(|tick| (tick, number(tick, step))))
    }

    /// A logarithmic axis over positive values, with ticks at 1, 2 and 5 times powers of ten, or at other
    /// round numbers if the range is small.
    pub fn log(low: f64, high: f64) -> Axis {
        let decades = low.log10().floor() as i32..=high.log10().ceil() as i32;
        let factors: &[f64] = if (high / low).log10() > 2.5 { &[1.0] } else { &[1.0, 2.0, 5.0] };
        let every = decades.clone().count().div_ceil(8);
        let powers = decades.step_by(every).map(|exponent| 10f64.powi(exponent));
        let ticks = powers.flat_map(|power| factors.iter().map(move |factor| (factor * power, power)));
        let inside = ticks.filter(|(tick, _)| (low * (1.0 - 1e-9)..=high * (1.0 + 1e-9)).contains(tick));
        let label = |tick, power| match power {
            5e-5..5e6 => number(tick, power),
            _ => format!("{tick:.0e}"),
        };
        let axis = Axis::with_ticks(low..high, inside.map(|(tick, power)| (tick, label(tick, power))));
        let axis = if axis.ticks.len() < 2 { Axis::linear(low, high, 7, false) } else { axis };
        Axis { coordinate: Coordinate::Log((low..high).log_scale().into()), ..axis }
    }

    /// Sets the name, and the space for the labels and the name.
    pub fn named(self, name: &str, space: i32) -> Axis {
        Axis { name: name.to_owned(), space, ..self }
    }

    /// The width of the widest label.
    pub fn label_width(&self) -> i32 {
        self.ticks.iter().map(|(_, label)| text_width(label, LABEL)).max().unwrap_or(0)
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        match &self.coordinate {
            Coordinate::Linear(linear) => linear.map(value, limit),
            Coordinate::Log(log) => log.map(value, limit),
        }
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        let minor = hint.weight().allow_light_points();
        self.ticks.iter().filter(|_| !minor).map(|(tick, _)| *tick).collect()
    }

    fn range(&self) -> Range<f64> {
        match &self.coordinate {
            Coordinate::Linear(linear) => linear.range(),
            Coordinate::Log(log) => log.range(),
        }
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        self.ticks.iter().find(|(tick, _)| tick == value).map(|(_, label)| label.clone()).unwrap_or_default()
    }
}

/// A number with the decimals that a multiple of `step` needs, such as `1,234.5`; with an exponent if `step` is very small
/// or very large.
fn number(value: f64, step: f64) -> String {
    if !(1e-6..1e9).contains(&step) {
        return if value.abs() < step / 2.0 { "0".to_owned() } else { format!("{value:.1e}") };
    }
    let decimals = (-step.log10() - 1e-9).ceil().max(0.0) as usize;
    let digits = format!("{:.decimals$}", value.abs());
    let point = digits.find('.').unwrap_or(digits.len());
    let negative = value < 0.0 && digits.contains(|digit| matches!(digit, '1'..='9'));
    let (whole, rest) = digits.split_at(point);
    format!("{}{}{rest}", if negative { "\u{2212}" } else { "" }, grouped(whole))
}

/// Decimal digits with commas between the thousands.
pub(crate) fn grouped(digits: &str) -> String {
    let mut text = String::new();
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn ticks_are_round_numbers_with_the_decimals_they_need() {
        assert_eq!(labels(&Axis::linear(1.0, 500.0, 6, true)), ["100", "200", "300", "400", "500"]);
        assert_eq!(labels(&Axis::linear(0.0, 2.1, 5, false)), ["0.0", "0.5", "1.0", "1.5", "2.0"]);
        assert_eq!(labels(&Axis::linear(-0.01, 0.021, 4, false)), ["\u{2212}0.01", "0.00", "0.01", "0.02"]);
        assert_eq!(labels(&Axis::linear(0.0, 60_000.0, 4, true)), ["0", "20,000", "40,000", "60,000"]);
        assert_eq!(labels(&Axis::linear(0.0, 1.0, 6, false)), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(&Axis::linear(1.0, 2.0, 8, true)), ["1", "2"]);
        assert_eq!(
            labels(&Axis::linear(0.0, 0.000_02, 5, false)),
            ["0.000000", "0.000005", "0.000010", "0.000015", "0.000020"]
        );
    }

    #[test]
    fn very_small_values_have_an_exponent() {
        assert_eq!(labels(&Axis::linear(-1e-7, 2.1e-7, 4, false)), ["-1.0e-7", "0", "1.0e-7", "2.0e-7"]);
    }

    #[test]
    fn a_single_value_is_in_the_middle_of_its_axis() {
        for value in [3.0, 0.0, -1e300] {
            let axis = Axis::linear(value, value, 4, false);
            assert_eq!(axis.map(&value, (0, 100)), 50);
            assert!(!axis.ticks.is_empty());
        }
    }

    #[test]
    fn a_logarithmic_axis_has_ticks_at_powers_of_ten() {
        assert_eq!(labels(&Axis::log(0.004, 2.0)), ["0.01", "0.1", "1"]);
        assert_eq!(labels(&Axis::log(0.1, 1.0)), ["0.1", "0.2", "0.5", "1"]);
        assert_eq!(labels(&Axis::log(1e-7, 1e-5)), ["1e-7", "2e-7", "5e-7", "1e-6", "2e-6", "5e-6", "1e-5"]);
        assert_eq!(labels(&Axis::log(2.15, 2.95)), ["2.2", "2.4", "2.6", "2.8"]);
        assert_eq!(Axis::log(0.01, 100.0).map(&1.0, (0, 100)), 50);
    }
}
