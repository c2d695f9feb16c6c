//! Statistics of a tensor.

use pt_file::Tensor;

/// Of the numbers of a tensor. A complex element is two numbers.
pub struct Statistics {
    /// Of the finite numbers; `None` if there is none.
    pub range: Option<Range>,
    pub nan: usize,
    pub infinite: usize,
}

pub struct Range {
    pub min: f64,
    pub max: f64,
    pub mean: f64,
}

impl Statistics {
    pub fn of(tensor: &Tensor) -> Statistics {
        let (mut min, mut max, mut sum, mut finite) = (f64::INFINITY, f64::NEG_INFINITY, 0.0, 0usize);
        let (mut nan, mut infinite) = (0, 0);
        for number in tensor.numbers() {
            match number {
                _ if number.is_nan() => nan += 1,
                _ if number.is_infinite() => infinite += 1,
                _ => {
                    (min, max, sum) = (min.min(number), max.max(number), sum + number);
                    finite += 1;
                }
            }
        }
        let range = (finite > 0).then(|| Range { min, max, mean: sum / finite as f64 });
        Statistics { range, nan, infinite }
    }
}

/// For example `min -1, max 2.5, mean 0.5`; then the numbers of NaN and infinite elements, if there are any.
impl std::fmt::Display for Statistics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.range {
            Some(Range { min, max, mean }) => write!(f, "min {min}, max {max}, mean {mean}")?,
            None => f.write_str("no finite elements")?,
        }
        for (count, what) in [(self.nan, "NaN"), (self.infinite, "infinite")] {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        Ok(())
    }
}
