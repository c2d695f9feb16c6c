//! Where an axis has its marks, and what stands beside them.

/// The marks of an axis from the smallest to the greatest value, and the scale between.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    low: f64,
    high: f64,
    log: bool,
    /// Position on the axis's own scale, and the figure beside it.
    pub ticks: Vec<(f64, String)>,
}

impl Axis {
    /// An axis that spans `values` with about `count` marks, on round numbers. `whole`: on whole numbers only.
    pub fn linear(low: f64, high: f64, count: usize, whole: bool) -> Axis {
        let (low, high) = if high > low { (low, high) } else { around(low) };
        let mut step = round_step((high - low) / count as f64);
        if whole {
            step = step.max(1.0).round();
        }
        let plain = (1e-6..1e9).contains(&step);
        let decimals = (0..=8).find(|&digits| is_multiple(step, 10f64.powi(-digits))).unwrap_or(8);
        let first = (low / step - 1e-9).ceil() as i64;
        let last = (high / step + 1e-9).floor() as i64;
        let tick = |index: i64| {
            let value = index as f64 * step;
            let text = match plain {
                true => figure(value, decimals as usize),
                false if index == 0 => "0".to_owned(),
                false => format!("{value:.1e}"),
            };
            (value, text)
        };
        Axis { low, high, log: false, ticks: (first..=last).map(tick).collect() }
    }

    /// A logarithmic axis; it spans positive values.
    pub fn log(low: f64, high: f64) -> Axis {
        let (low, high) = if high > low { (low, high) } else { (low / 2.0, high * 2.0) };
        let decades = (low.log10().floor() as i32..=high.log10().ceil() as i32).collect::<Vec<_>>();
        let factors: &[f64] = if (high / low).log10() > 2.5 { &[1.0] } else { &[1.0, 2.0, 5.0] };
        let every = decades.len().div_ceil(8);
        let all = decades.iter().step_by(every).flat_map(|&power| factors.iter().map(move |factor| (power, factor)));
        let inside = |value: &f64| (low * (1.0 - 1e-9)..=high * (1.0 + 1e-9)).contains(value);
        let ticks = all.map(|(power, factor)| (factor * 10f64.powi(power), power)).filter(|(value, _)| inside(value));
        Axis { low, high, log: true, ticks: ticks.map(|(value, power)| (value, log_figure(value, power))).collect() }
    }

    /// Where `value` lies between the ends of the axis, 0 to 1.
    pub fn share(&self, value: f64) -> f64 {
        if self.log {
            (value / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        }
    }
}

/// Room on both sides of a single value.
fn around(value: f64) -> (f64, f64) {
    let half = (0.1 * value.abs()).max(0.5);
    (value - half, value + half)
}

/// The next of 1, 2, 2.5, 5, 10 times a power of ten.
fn round_step(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    let factor = [1.0, 2.0, 2.5, 5.0].into_iter().find(|factor| factor * power >= step * (1.0 - 1e-9)).unwrap_or(10.0);
    factor * power
}

fn is_multiple(value: f64, unit: f64) -> bool {
    let ratio = value / unit;
    ratio >= 0.5 && (ratio - ratio.round()).abs() < 1e-6
}

/// `1234567.5` as `1,234,567.5`.
fn figure(value: f64, decimals: usize) -> String {
    let text = format!("{:.decimals$}", value.abs());
    let (whole, fraction) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let zero = value == 0.0 || text.chars().all(|digit| matches!(digit, '0' | '.'));
    let sign = if value < 0.0 && !zero { "\u{2212}" } else { "" };
    format!("{sign}{grouped}{fraction}")
}

fn log_figure(value: f64, power: i32) -> String {
    if (-4..=6).contains(&power) { figure(value, usize::try_from(-power).unwrap_or(0)) } else { format!("{value:.0e}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, figure)| figure.as_str()).collect()
    }

    #[test]
    fn marks_are_round_numbers_with_the_decimals_they_need() {
        assert_eq!(figures(&Axis::linear(1.0, 500.0, 6, true)), ["100", "200", "300", "400", "500"]);
        assert_eq!(figures(&Axis::linear(0.0, 2.1, 5, false)), ["0.0", "0.5", "1.0", "1.5", "2.0"]);
        assert_eq!(figures(&Axis::linear(-0.01, 0.021, 4, false)), ["\u{2212}0.01", "0.00", "0.01", "0.02"]);
        assert_eq!(figures(&Axis::linear(0.0, 60_000.0, 4, true)), ["0", "20,000", "40,000", "60,000"]);
        assert_eq!(figures(&Axis::linear(0.0, 1.0, 4, false)), ["0.00", "0.25", "0.50", "0.75", "1.00"]);
        assert_eq!(figures(&Axis::linear(1.0, 2.0, 8, true)), ["1", "2"]);
        assert_eq!(
            figures(&Axis::linear(0.0, 0.000_02, 4, false)),
            ["0.000000", "0.000005", "0.000010", "0.000015", "0.000020"]
        );
    }

    #[test]
    fn tiny_values_have_powers_of_ten_and_zero_is_zero() {
        assert_eq!(figures(&Axis::linear(-1e-7, 2.1e-7, 4, false)), ["-1.0e-7", "0", "1.0e-7", "2.0e-7"]);
    }

    #[test]
    fn a_single_value_has_an_axis() {
        let axis = Axis::linear(3.0, 3.0, 4, false);
        assert_eq!(axis.share(3.0), 0.5);
        assert!(!axis.ticks.is_empty());
    }

    #[test]
    fn a_log_axis_marks_decades() {
        assert_eq!(figures(&Axis::log(0.004, 2.0)), ["0.01", "0.1", "1"]);
        assert_eq!(figures(&Axis::log(0.1, 1.0)), ["0.1", "0.2", "0.5", "1"]);
        assert_eq!(figures(&Axis::log(1e-7, 1e-5)), ["1e-7", "2e-7", "5e-7", "1e-6", "2e-6", "5e-6", "1e-5"]);
        assert!((Axis::log(0.01, 100.0).share(1.0) - 0.5).abs() < 1e-12);
    }
}
