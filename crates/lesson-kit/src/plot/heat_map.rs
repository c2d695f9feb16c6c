//! A confusion matrix, with the counts in coloured cells.

use plotters::backend::DrawingBackend;
use plotters::element::{Rectangle, Text};
use plotters::style::{Color, RGBColor};

use super::canvas::{self, Area, CENTER, Drawn, LABEL, PX, Plot, font};
use super::chart::{Axis, chart};

/// The side of a cell, and the margins.
const CELL: i32 = 52 * PX;
const LEFT: i32 = 92 * PX;
const TOP: i32 = 60 * PX;
const RIGHT: i32 = 28 * PX;
const BOTTOM: i32 = 76 * PX;

/// Counts by true class (row) and predicted class (column). The colour of a cell shows its share of its row, so that rows
/// with different sums are comparable.
#[derive(Debug, Clone)]
pub struct HeatMap {
    title: String,
    names: Vec<String>,
    counts: Vec<Vec<i64>>,
}

impl HeatMap {
    /// A map of `counts[row][column]`. `names` are the names of the rows and of the columns.
    pub fn new(title: impl Into<String>, names: Vec<String>, counts: Vec<Vec<i64>>) -> HeatMap {
        HeatMap { title: title.into(), names, counts }
    }

    fn rows_and_columns(&self) -> (usize, usize) {
        (self.counts.len(), self.counts.iter().map(Vec::len).max().unwrap_or(0))
    }
}

impl Plot for HeatMap {
    fn size(&self) -> (i32, i32) {
        let (rows, columns) = self.rows_and_columns();
        (LEFT + CELL * columns as i32 + RIGHT, TOP + CELL * rows as i32 + BOTTOM)
    }

    fn draw<B: DrawingBackend>(&self, area: &Area<B>) -> Drawn<B> {
        let (rows, columns) = self.rows_and_columns();
        let names = |count| (0..count).map(|index| index as f64 + 0.5).zip(self.names.iter().cloned());
        let x = Axis::with_ticks(0.0..columns as f64, names(columns)).named("predicted", BOTTOM - 18 * PX);
        let y = Axis::with_ticks(rows as f64..0.0, names(rows)).named("true", LEFT - 16 * PX);
        let below = canvas::titled(area, &self.title, LEFT + CELL * columns as i32 / 2, TOP)?;
        let mut chart = chart(&below.margin(0, 18 * PX, 16 * PX, RIGHT), x, y, false)?;
        for (row, counts) in self.counts.iter().enumerate() {
            let sum = counts.iter().sum::<i64>().max(1) as f64;
            for (column, &count) in counts.iter().enumerate() {
                // The square root keeps a few mistakes among a thousand visible.
                let share = (count as f64 / sum).clamp(0.0, 1.0).sqrt();
                let color = canvas::gradient(&[RGBColor(245, 247, 250), RGBColor(8, 69, 128)], share);
                let (x, y) = (column as f64, row as f64);
                let mut cell = Rectangle::new([(x, y), (x + 1.0, y + 1.0)], color.filled());
                cell.set_margin(PX as u32, PX as u32, PX as u32, PX as u32);
                chart.draw_series([cell])?;
                let ink = if count == 0 { RGBColor(190, 196, 204) } else { canvas::readable_on(color) };
                chart.draw_series([Text::new(count.to_string(), (x + 0.5, y + 0.5), font(LABEL, ink).pos(CENTER))])?;
            }
        }
        Ok(())
    }
}
