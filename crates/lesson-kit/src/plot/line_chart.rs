//! Lines over a common x axis: losses over epochs, prices over days.

use std::ops::Range;

use plotters::backend::DrawingBackend;
use plotters::chart::SeriesLabelPosition;
use plotters::element::PathElement;
use plotters::series::LineSeries;
use plotters::style::{Color, RGBColor, WHITE};

use super::canvas::{self, Area, Drawn, INK, LABEL, LINE_COLORS, PX, Plot, SAFE_COLORS, font};
use super::chart::{Axis, Chart, chart};

const WIDTH: i32 = 800 * PX;
const RIGHT: i32 = 28 * PX;
/// A line with fewer points than this has a dot at each of them.
const FEW_POINTS: usize = 30;

const PALE: RGBColor = RGBColor(158, 201, 226);

/// A chart of 800 by 500 pixels by default.
#[derive(Debug, Clone)]
pub struct LineChart {
    title: String,
    x_label: String,
    y_label: String,
    height: i32,
    log_y: bool,
    /// Positions and labels; `None` for round numbers.
    x_ticks: Option<Vec<(f64, String)>>,
    lines: Vec<Line>,
}

/// One line of a chart. A point that is NaN or infinite leaves a gap.
#[derive(Debug, Clone)]
pub struct Line {
    label: String,
    points: Vec<(f64, f64)>,
    pale: bool,
    width: i32,
    /// A dot at each point, if there are few points.
    dots: bool,
}

impl Line {
    /// A line through `points`.
    pub fn new(label: impl Into<String>, points: Vec<(f64, f64)>) -> Line {
        Line { label: label.into(), points, pale: false, width: 2 * PX, dots: true }
    }

    /// A line of horizontal steps: each of `values` over its range of x.
    pub fn steps(label: impl Into<String>, values: impl IntoIterator<Item = (Range<f64>, f64)>) -> Line {
        let points = values.into_iter().flat_map(|(x, y)| [(x.start, y), (x.end, y)]);
        Line { dots: false, ..Line::new(label, points.collect()) }
    }

    /// Makes the line thin and pale, as a background of the other lines.
    pub fn pale(self) -> Line {
        Line { pale: true, width: PX, ..self }
    }

    /// Makes the line broad, so that it stays visible under another line.
    pub fn broad(self) -> Line {
        Line { width: 6 * PX, ..self }
    }
}

impl LineChart {
    /// A chart without lines yet.
    pub fn new(title: impl Into<String>, x_label: impl Into<String>, y_label: impl Into<String>) -> LineChart {
        let (title, x_label, y_label) = (title.into(), x_label.into(), y_label.into());
        LineChart { title, x_label, y_label, height: 500 * PX, log_y: false, x_ticks: None, lines: Vec::new() }
    }

    /// Adds a line on top of the others. Two or more lines have a legend.
    pub fn line(mut self, line: Line) -> LineChart {
        self.lines.push(line);
        self
    }

    /// Sets the height, for a chart in a [`Stack`].
    pub fn height(self, pixels: u32) -> LineChart {
        LineChart { height: pixels as i32 * PX, ..self }
    }

    /// Makes the y axis logarithmic. Points that are not positive are omitted.
    pub fn log_y(self) -> LineChart {
        LineChart { log_y: true, ..self }
    }

    /// Sets the ticks of the x axis, such as the dates of days with these numbers.
    pub fn x_ticks(self, ticks: Vec<(f64, String)>) -> LineChart {
        LineChart { x_ticks: Some(ticks), ..self }
    }

    fn is_drawable(&self, &(x, y): &(f64, f64)) -> bool {
        // The difference of two such numbers is finite.
        let finite = |number: f64| number.abs() <= 1e300;
        finite(x) && finite(y) && (!self.log_y || y > 0.0)
    }

    fn points(&self) -> impl Iterator<Item = &(f64, f64)> {
        self.lines.iter().flat_map(|line| &line.points).filter(|point| self.is_drawable(point))
    }

    fn x_axis(&self) -> Axis {
        let (low, high) = range(self.points().map(|point| point.0)).unwrap_or((0.0, 1.0));
        let whole = self.points().all(|point| point.0.fract() == 0.0);
        let margin = if high > low { 0.02 * (high - low) } else { 0.5 };
        let mut axis = Axis::linear(low - margin, high + margin, 8, whole);
        if let Some(ticks) = &self.x_ticks {
            axis.ticks.clone_from(ticks);
        }
        axis.ticks.retain(|(tick, _)| (low - margin / 2.0..=high + margin).contains(tick));
        axis.named(&self.x_label, 48 * PX)
    }

    fn y_axis(&self) -> Axis {
        let (low, high) = range(self.points().map(|point| point.1)).unwrap_or((0.1, 1.0));
        if self.log_y {
            return Axis::log(low / 1.15, high * 1.15);
        }
        let margin = 0.05 * (high - low);
        let from_zero = low >= 0.0 && low < 0.25 * high;
        Axis::linear(if from_zero { 0.0 } else { low - margin }, high + margin, 7, false)
    }

    /// Draws the chart with this space for the labels of the y axis.
    fn draw_with<B: DrawingBackend>(&self, area: &Area<B>, label_width: i32) -> Drawn<B> {
        let left = 46 * PX + label_width;
        let below = canvas::titled(area, &self.title, (left + WIDTH - RIGHT) / 2, 52 * PX)?;
        let y_axis = self.y_axis().named(&self.y_label, left - 10 * PX);
        let mut chart = chart(&below.margin(0, 14 * PX, 10 * PX, RIGHT), self.x_axis(), y_axis, true)?;
        for (line, color) in self.lines.iter().zip(LINE_COLORS[..SAFE_COLORS].iter().cycle()) {
            let style = if line.pale { PALE } else { *color }.filled().stroke_width(line.width as u32);
            let runs = line.points.split(|point| !self.is_drawable(point));
            let series = runs.flat_map(|run| {
                let dots = line.dots && (line.points.len() < FEW_POINTS || run.len() == 1);
                LineSeries::new(run.iter().copied(), style).point_size(if dots { 2 * line.width as u32 } else { 0 })
            });
            let swatch = move |(x, y)| PathElement::new([(x, y), (x + 26 * PX, y)], style);
            chart.draw_series(series)?.label(&line.label).legend(swatch);
        }
        if self.lines.len() < 2 {
            return Ok(());
        }
        let position = self.legend_position(&chart);
        let mut legend = chart.configure_series_labels();
        legend.position(position).background_style(WHITE).label_font(font(LABEL, INK));
        legend.legend_area_size(36 * PX).margin(10 * PX).draw()
    }

    /// The corner of the chart that has the fewest points.
    fn legend_position<B: DrawingBackend>(&self, chart: &Chart<'_, B>) -> SeriesLabelPosition {
        use SeriesLabelPosition::{LowerLeft, LowerRight, UpperLeft, UpperRight};
        let (xs, ys) = chart.plotting_area().get_pixel_range();
        let near = |value, range: &Range<i32>, end| {
            let distance = if end { range.end - value } else { value - range.start };
            3 * distance < range.end - range.start
        };
        let points = |right, lower| {
            let pixels = self.points().map(|point| chart.backend_coord(point));
            pixels.filter(|&(x, y)| near(x, &xs, right) && near(y, &ys, lower)).count()
        };
        let corners =
            [(UpperRight, true, false), (LowerRight, true, true), (UpperLeft, false, false), (LowerLeft, false, true)];
        let best = corners.into_iter().min_by_key(|(_, right, lower)| points(*right, *lower));
        best.map_or(UpperRight, |(position, ..)| position)
    }
}

/// The smallest and the largest number.
fn range(numbers: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    numbers.map(|number| (number, number)).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
}

impl Plot for LineChart {
    fn size(&self) -> (i32, i32) {
        (WIDTH, self.height)
    }

    fn draw<B: DrawingBackend>(&self, area: &Area<B>) -> Drawn<B> {
        self.draw_with(area, self.y_axis().label_width())
    }
}

/// Line charts one above the other, with aligned y axes.
#[derive(Debug, Clone)]
pub struct Stack(pub Vec<LineChart>);

impl Plot for Stack {
    fn size(&self) -> (i32, i32) {
        (WIDTH, self.0.iter().map(|chart| chart.height).sum())
    }

    fn draw<B: DrawingBackend>(&self, area: &Area<B>) -> Drawn<B> {
        let label_width = self.0.iter().map(|chart| chart.y_axis().label_width()).max().unwrap_or(0);
        let mut rest = area.clone();
        for chart in &self.0 {
            let (upper, lower) = rest.split_vertically(chart.height);
            chart.draw_with(&upper, label_width)?;
            rest = lower;
        }
        Ok(())
    }
}
