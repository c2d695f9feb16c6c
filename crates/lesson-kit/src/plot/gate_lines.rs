//! The values of the gates of a small recurrent layer over time, as lines.

use plotters::backend::DrawingBackend;
use plotters::element::PathElement;
use plotters::series::LineSeries;
use plotters::style::{Color, RGBColor};

use super::canvas::{
    self, Area, CENTER, Drawn, GREY, INK, LABEL, LEFT, LINE_COLORS, NAME, PX, Plot, TITLE, font, text_width,
};
use super::chart::{Axis, chart};
use super::formula;

/// The width of a panel, with the labels of its y axis.
const PANEL: i32 = 400 * PX;
const NUMBERS: i32 = 58 * PX;
/// The height of the lines of a panel.
const HEIGHT: i32 = 130 * PX;
const MARGIN: i32 = 16 * PX;
/// The height of the title; of a heading; of the step names below a panel; of the legend of the units.
const TOP: i32 = 50 * PX;
const LINE: i32 = 26 * PX;
const STEPS: i32 = 26 * PX;
const STEPS_WITH_NAME: i32 = 44 * PX;
const LEGEND: i32 = 40 * PX;
const GAP: i32 = 8 * PX;
/// The length of a line in a legend.
const SWATCH: i32 = 16 * PX;

/// Lines over the steps, with a y axis of their own.
#[derive(Debug, Clone)]
pub struct LinePanel {
    equation: String,
    /// The names of the lines; empty for the hidden units.
    names: Vec<String>,
    /// `values[step][line]`
    values: Vec<Vec<f32>>,
}

/// Panels of lines: one line for each hidden unit, time from left to right. Values that differ little are still
/// distinguishable, because every panel has its own scale. [`GateMaps`](super::GateMaps) is for layers with many units.
///
/// Another layer is another pair of columns.
#[derive(Debug, Clone)]
pub struct GateLines {
    title: String,
    step_label: String,
    step_names: Vec<String>,
    columns: Vec<(String, Vec<LinePanel>)>,
}

impl LinePanel {
    /// `values[step][unit]` of the hidden units, below their equation.
    pub fn new(equation: impl Into<String>, values: Vec<Vec<f32>>) -> LinePanel {
        LinePanel { equation: equation.into(), names: Vec::new(), values }
    }

    /// Sets the names of the lines, for lines that are not hidden units. The panel then has a legend of its own.
    pub fn named(self, names: Vec<String>) -> LinePanel {
        LinePanel { names, ..self }
    }

    /// The y axis over all finite values.
    fn y_axis(&self) -> Axis {
        let values = || self.values.iter().flatten().filter(|value| value.is_finite()).map(|&value| f64::from(value));
        let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
        let (low, high) = if low <= high { (low, high) } else { (0.0, 1.0) };
        let margin = 0.06 * (high - low);
        Axis::linear(low - margin, high + margin, 5, false).named("", NUMBERS)
    }

    /// Draws the heading at `left` and `top`: the equation and, for named lines, their legend.
    fn draw_heading<B: DrawingBackend>(&self, area: &Area<B>, (mut left, top): (i32, i32), room: i32) -> Drawn<B> {
        formula::draw(area, &self.equation, (left, top), room)?;
        left += text_width(&self.equation, LABEL);
        for (name, color) in self.names.iter().zip(LINE_COLORS.iter().cycle()) {
            left = swatch(area, name, *color, (left, top))?;
        }
        Ok(())
    }
}

/// Draws a short line and its name, and returns where the next one starts.
fn swatch<B: DrawingBackend>(area: &Area<B>, name: &str, color: RGBColor, (x, y): (i32, i32)) -> Drawn<B, i32> {
    area.draw(&PathElement::new([(x, y), (x + SWATCH, y)], Color::stroke_width(&color, 3 * PX as u32)))?;
    area.draw_text(name, &font(LABEL, INK).pos(LEFT), (x + SWATCH + 4 * PX, y))?;
    Ok(x + SWATCH + 12 * PX + text_width(name, LABEL))
}

impl GateLines {
    /// Panels over the steps `step_names`. `step_label` is what a step is, such as a day.
    pub fn new(title: impl Into<String>, step_label: impl Into<String>, step_names: Vec<String>) -> GateLines {
        GateLines { title: title.into(), step_label: step_label.into(), step_names, columns: Vec::new() }
    }

    /// Adds a column of panels. The heading is above the first panel of hidden units; it may be empty.
    pub fn column(mut self, heading: impl Into<String>, panels: Vec<LinePanel>) -> GateLines {
        self.columns.push((heading.into(), panels));
        self
    }

    fn step_count(&self) -> usize {
        self.columns.iter().flat_map(|(_, panels)| panels).map(|panel| panel.values.len()).max().unwrap_or(0).max(1)
    }

    /// The number of hidden units.
    fn units(&self) -> usize {
        let panels = self.columns.iter().flat_map(|(_, panels)| panels).filter(|panel| panel.names.is_empty());
        panels.flat_map(|panel| panel.values.iter().map(Vec::len)).max().unwrap_or(0)
    }

    /// The height of a panel with its heading and the names of the steps.
    fn panel_height(last: bool) -> i32 {
        LINE + HEIGHT + if last { STEPS_WITH_NAME } else { STEPS } + GAP
    }

    /// The height of a column of so many panels, without its heading.
    fn column_height(panels: usize) -> i32 {
        (1..=panels).map(|number| Self::panel_height(number == panels)).sum()
    }

    fn columns_height(&self) -> i32 {
        LINE + Self::column_height(self.columns.iter().map(|(_, panels)| panels.len()).max().unwrap_or(0))
    }

    /// As many names of steps as have room.
    fn x_axis(&self, last: bool) -> Axis {
        let (steps, room) = (self.step_count(), PANEL - NUMBERS - MARGIN);
        let widest = self.step_names.iter().map(|name| text_width(name, LABEL) + 4 * PX).max().unwrap_or(0);
        let every = 1 + widest as usize * steps / room.max(1) as usize;
        let names = self.step_names.iter().take(steps).cloned();
        let ticks = (0..steps).map(|step| step as f64).zip(names).step_by(every);
        let (name, space) = if last { (self.step_label.as_str(), STEPS_WITH_NAME) } else { ("", STEPS) };
        Axis::with_ticks(-0.3..steps as f64 - 0.7, ticks).named(name, space)
    }

    fn draw_panel<B: DrawingBackend>(&self, area: &Area<B>, panel: &LinePanel, last: bool) -> Drawn<B> {
        let mut chart = chart(area, self.x_axis(last), panel.y_axis(), true)?;
        let lines = panel.values.iter().map(Vec::len).max().unwrap_or(0);
        for (line, color) in (0..lines).zip(LINE_COLORS.iter().cycle()) {
            let value = |values: &Vec<f32>| values.get(line).copied().filter(|value| value.is_finite());
            let points: Vec<_> = panel.values.iter().map(value).enumerate().collect();
            // NaN and infinities leave a gap.
            for run in points.split(|(_, value)| value.is_none()) {
                let run = run.iter().filter_map(|&(step, value)| Some((step as f64, f64::from(value?))));
                let style = color.filled().stroke_width(2 * PX as u32);
                chart.draw_series(LineSeries::new(run, style).point_size(2 * PX as u32 + 1))?;
            }
        }
        Ok(())
    }

    /// The legend of the hidden units.
    fn draw_legend<B: DrawingBackend>(&self, area: &Area<B>) -> Drawn<B> {
        let shown = self.units().min(LINE_COLORS.len());
        let name = |unit: usize| match unit + LINE_COLORS.len() < self.units() {
            true => format!("{unit}, {}, ..", unit + LINE_COLORS.len()),
            false => unit.to_string(),
        };
        let names: Vec<_> = (0..shown).map(name).collect();
        let title = "hidden unit";
        let width = |name: &String| SWATCH + 12 * PX + text_width(name, LABEL);
        let whole = text_width(title, NAME) + names.iter().map(width).sum::<i32>();
        let (mut x, y) = ((self.size().0 - whole) / 2, LEGEND / 2);
        area.draw_text(title, &font(NAME, INK).pos(LEFT), (x, y))?;
        x += text_width(title, NAME);
        for (name, color) in names.iter().zip(LINE_COLORS) {
            x = swatch(area, name, color, (x, y))?;
        }
        Ok(())
    }
}

impl Plot for GateLines {
    fn size(&self) -> (i32, i32) {
        let width = MARGIN + self.columns.len().max(2) as i32 * PANEL;
        (width.max(text_width(&self.title, TITLE)), TOP + self.columns_height() + LEGEND)
    }

    fn draw<B: DrawingBackend>(&self, area: &Area<B>) -> Drawn<B> {
        let below = canvas::titled(area, &self.title, self.size().0 / 2, TOP)?;
        let (below, foot) = below.split_vertically(self.columns_height());
        let room = PANEL - MARGIN;
        for (index, (heading, panels)) in (0..).zip(&self.columns) {
            let left = MARGIN + PANEL * index;
            // Columns end at the same height, so that the equations of all layers stand side by side.
            let mut top = self.columns_height() - Self::column_height(panels.len()) - LINE;
            let first = panels.iter().position(|panel| panel.names.is_empty());
            for (number, panel) in panels.iter().enumerate() {
                if first == Some(number) {
                    let style = font(NAME, GREY).pos(CENTER);
                    below.draw_text(heading, &style, (left + (NUMBERS + room) / 2, top + LINE / 2))?;
                    top += LINE;
                }
                let last = number + 1 == panels.len();
                panel.draw_heading(&below, (left, top + 11 * PX), room)?;
                let height = Self::panel_height(last) - LINE - GAP;
                self.draw_panel(&below.clone().shrink((left, top + LINE), (room, height)), panel, last)?;
                top += Self::panel_height(last);
            }
        }
        self.draw_legend(&foot)
    }
}
