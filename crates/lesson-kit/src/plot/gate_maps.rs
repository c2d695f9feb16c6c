//! The values of the gates of a recurrent layer over time.

use plotters::backend::DrawingBackend;
use plotters::element::{Rectangle, Text};
use plotters::style::{Color, FontTransform};

use super::canvas::{
    self, Area, CENTER, Drawn, FAINT, GREY, INK, LABEL, LEFT, NAME, PX, Plot, RIGHT, TITLE, font, text_width,
};
use super::chart::{Axis, chart};
use super::color_scale::{SHADES, Scale, rounded_up};
use super::formula;
use super::image_grid::{Tile, draw_image};

const WIDTH: i32 = 800 * PX;
const MARGIN: i32 = 16 * PX;
/// The height of the title; of a heading and of an equation; of the step names below the maps; of the colour bars.
const TOP: i32 = 50 * PX;
const LINE: i32 = 26 * PX;
const STEPS: i32 = 40 * PX;
const BARS: i32 = 46 * PX;
/// The space between maps.
const GAP: i32 = 14 * PX;
/// The space on the left of a map for the unit numbers. Names of rows can need more. And the space for the axis name.
const NUMBERS: i32 = 36 * PX;
const AXIS_NAME: i32 = 16 * PX;
/// The smallest width of a column, and the largest that the names of its steps cause. Many columns make a wider picture.
const NARROWEST: i32 = 260 * PX;
const WIDEST: i32 = 560 * PX;
/// The space on the left of an image for its row numbers.
const IMAGE_ROWS: i32 = 26 * PX;
/// The largest width of a step, height of a unit, and height of a map.
const CELL: (i32, i32) = (130 * PX, 22 * PX);
const TALLEST: i32 = 150 * PX;
/// The font size of the value in a cell, and the smallest cell that has one.
const CELL_TEXT: i32 = 12 * PX;
const CELL_WITH_TEXT: (i32, i32) = (38 * PX, 16 * PX);
/// The largest width of a colour bar with its labels, the space for the outer labels, and the width of one of its shades.
const BAR: i32 = 240 * PX;
const BAR_LABEL: i32 = 40 * PX;
const SHADE: i32 = 3 * PX;
/// The side of a pixel of the image.
const PIXEL: i32 = 5 * PX;

/// One value of every unit at every step.
#[derive(Debug, Clone)]
pub struct GateMap {
    equation: String,
    scale: Scale,
    /// The names of the rows; empty for the hidden units, which have numbers.
    rows: Vec<String>,
    /// `values[step][unit]`
    values: Vec<Vec<f32>>,
}

/// Heat maps of gates: time from left to right, hidden units from top to bottom in the order of their index. A layer with
/// few units is better drawn with [`GateLines`](super::GateLines), whose panels have their own scales.
///
/// Another layer or direction is another column.
#[derive(Debug, Clone)]
pub struct GateMaps {
    title: String,
    step_label: String,
    /// The names of the steps of the next column.
    step_names: Vec<String>,
    every_step_named: bool,
    columns: Vec<Column>,
    image: Option<(usize, Tile)>,
}

/// Maps one above the other, over the same steps.
#[derive(Debug, Clone)]
struct Column {
    heading: String,
    step_names: Vec<String>,
    maps: Vec<GateMap>,
}

impl GateMap {
    /// `values[step][unit]` below their equation. An underscore in it starts a subscript: `r_t = σ(W_ir x_t + ..)`.
    pub fn new(equation: impl Into<String>, scale: Scale, values: Vec<Vec<f32>>) -> GateMap {
        GateMap { equation: equation.into(), scale, rows: Vec::new(), values }
    }

    /// Sets the names of the rows, for values that are not those of hidden units.
    pub fn rows(self, names: Vec<String>) -> GateMap {
        GateMap { rows: names, ..self }
    }

    fn units(&self) -> usize {
        self.values.iter().map(Vec::len).max().unwrap_or(0)
    }

    /// The height with the equation and the space below.
    fn whole_height(&self) -> i32 {
        LINE + self.height() + GAP
    }

    fn height(&self) -> i32 {
        let height = CELL.1 * self.units() as i32;
        if self.rows.is_empty() { height.min(TALLEST) } else { height }
    }
}

impl GateMaps {
    /// Maps over the steps `step_names`. `step_label` is what a step is, such as a word, a day, or a row.
    pub fn new(title: impl Into<String>, step_label: impl Into<String>, step_names: Vec<String>) -> GateMaps {
        let (title, step_label) = (title.into(), step_label.into());
        GateMaps { title, step_label, step_names, every_step_named: false, columns: Vec::new(), image: None }
    }

    /// Adds a column of maps. The heading may be empty.
    pub fn column(mut self, heading: impl Into<String>, maps: Vec<GateMap>) -> GateMaps {
        self.columns.push(Column { heading: heading.into(), step_names: self.step_names.clone(), maps });
        self
    }

    /// Adds a map below those of the last column.
    pub fn below(mut self, map: GateMap) -> GateMaps {
        if let Some(column) = self.columns.last_mut() {
            column.maps.push(map);
        }
        self
    }

    /// Sets the names of the steps for the columns that follow.
    pub fn step_names(self, step_names: Vec<String>) -> GateMaps {
        GateMaps { step_names, ..self }
    }

    /// Makes the columns wide enough for the names of all steps, within limits.
    pub fn every_step_named(self) -> GateMaps {
        GateMaps { every_step_named: true, ..self }
    }

    /// Adds an image on the left, `width` pixels wide. Its rows are the steps.
    pub fn image(mut self, width: usize, image: Tile) -> GateMaps {
        self.image = Some((width.max(1), image));
        self
    }

    fn step_count(&self) -> usize {
        self.maps().map(|map| map.values.len()).max().unwrap_or(0).max(1)
    }

    fn maps(&self) -> impl Iterator<Item = &GateMap> {
        self.columns.iter().flat_map(|column| &column.maps)
    }

    /// The end of a scale without a fixed range.
    fn largest(&self, scale: Scale) -> f64 {
        let maps = self.maps().filter(|map| map.scale == scale);
        let values = maps.flat_map(|map| map.values.iter().flatten()).filter(|value| value.is_finite());
        rounded_up(values.fold(0.0, |most, value| most.max(f64::from(value.abs()))))
    }

    /// The space on the left of the maps for the numbers or names of their rows.
    fn numbers(&self) -> i32 {
        let names = self.maps().flat_map(|map| &map.rows).map(|name| text_width(name, LABEL) + 8 * PX);
        names.max().unwrap_or(0).max(NUMBERS)
    }

    /// The width of the image with its margins, and of a column.
    fn widths(&self) -> (i32, i32) {
        let image = self.image.as_ref().map_or(MARGIN, |(width, tile)| {
            let caption = tile.caption.lines().map(|line| text_width(line, LABEL)).max().unwrap_or(0);
            2 * MARGIN + IMAGE_ROWS + (PIXEL * *width as i32).max(caption - IMAGE_ROWS)
        });
        let names = |column: &Column| column.step_names.iter().map(|name| name_width(name)).max().unwrap_or(0);
        let steps = self.columns.iter().map(|column| names(column).saturating_mul(column.step_names.len() as i32));
        let named = steps.max().filter(|_| self.every_step_named).unwrap_or(0).min(WIDEST);
        let narrowest = NARROWEST.max(self.numbers() + AXIS_NAME + MARGIN + named);
        (image, ((WIDTH - image - MARGIN) / self.columns.len().max(1) as i32).max(narrowest))
    }

    /// The height of the headings, and of the maps or the image, whichever is taller.
    fn heights(&self) -> (i32, i32) {
        let heading = if self.columns.iter().any(|column| !column.heading.is_empty()) { LINE } else { 0 };
        let maps = self.columns.iter().map(|column| column.maps.iter().map(GateMap::whole_height).sum());
        let image = self.image.iter().map(|(width, tile)| {
            let rows = tile.pixels.len().div_ceil(*width) as i32;
            LINE + PIXEL * rows + 18 * PX * tile.caption.lines().count() as i32 + 2 * GAP
        });
        (heading, maps.chain(image).max().unwrap_or(0))
    }

    /// Draws the image with its upper edge at `top`.
    fn draw_image<B: DrawingBackend>(&self, area: &Area<B>, top: i32) -> Drawn<B> {
        let Some((width, tile)) = &self.image else { return Ok(()) };
        let rows = tile.pixels.len().div_ceil(*width);
        let size = (PIXEL * *width as i32, PIXEL * rows as i32);
        let ticks = step_ticks(&self.step_names, rows, size.1, |_| LABEL + 4 * PX);
        let y = Axis::with_ticks(rows as f64..0.0, ticks).named("", IMAGE_ROWS);
        let strip = area.clone().shrink((MARGIN, top), (IMAGE_ROWS + size.0, size.1));
        let plot = chart(&strip, Axis::with_ticks(0.0..1.0, []), y, false)?.plotting_area().strip_coord_spec();
        canvas::frame(&plot, (0, 0), size, GREY)?;
        draw_image(&plot, (0, 0), PIXEL, *width, &tile.pixels)?;
        for (line, text) in (1..).zip(tile.caption.lines()) {
            let at = (MARGIN + IMAGE_ROWS, top + size.1 + 18 * PX * line);
            area.draw_text(text, &font(LABEL, INK).pos(LEFT), at)?;
        }
        Ok(())
    }

    /// Draws a column of maps of the width `across`. They start at `left` and `top`.
    fn draw_column<B: DrawingBackend>(
        &self,
        area: &Area<B>,
        column: &Column,
        (left, mut top): (i32, i32),
        across: i32,
    ) -> Drawn<B> {
        let (numbers, maps) = (self.numbers(), &column.maps);
        let left = left - numbers;
        area.draw_text(&column.heading, &font(NAME, INK).pos(LEFT), (left, top / 2))?;
        for (index, map) in maps.iter().enumerate() {
            formula::draw(area, &map.equation, (left, top + 11 * PX), area.dim_in_pixel().0 as i32 - MARGIN)?;
            let below = if index + 1 == maps.len() { STEPS } else { 0 };
            let strip = area.clone().shrink((left, top + LINE), (numbers + across, map.height() + below));
            self.draw_map(&strip, map, &column.step_names, across, below)?;
            top += map.whole_height();
        }
        Ok(())
    }

    /// Draws a map of the width `across`, and the names of the steps in the space `below` it.
    fn draw_map<B: DrawingBackend>(
        &self,
        area: &Area<B>,
        map: &GateMap,
        step_names: &[String],
        across: i32,
        below: i32,
    ) -> Drawn<B> {
        let (steps, units, largest) = (self.step_count(), map.units(), self.largest(map.scale));
        let names = step_ticks(step_names, steps, across, name_width);
        let every = 1 + (LABEL + 4 * PX) as usize * units / map.height().max(1) as usize;
        let numbers = (0..units).step_by(every.next_power_of_two()).map(|unit| {
            let number = || unit.to_string();
            (unit as f64 + 0.5, map.rows.get(unit).cloned().unwrap_or_else(number))
        });
        let x = Axis::with_ticks(0.0..steps as f64, names).named(&self.step_label, below);
        let y = Axis::with_ticks(units as f64..0.0, numbers).named("", self.numbers());
        let mut chart = chart(area, x, y, false)?;
        canvas::frame(&chart.plotting_area().strip_coord_spec(), (0, 0), (across, map.height()), FAINT)?;
        let has_text =
            across / steps as i32 >= CELL_WITH_TEXT.0 && map.height() / units.max(1) as i32 >= CELL_WITH_TEXT.1;
        for (step, values) in map.values.iter().enumerate() {
            let (x, mut y) = (step as f64, 0.0);
            let shade = |value: f32| map.scale.shade(value, largest);
            // Adjacent units of one shade are one rectangle. NaN and infinities leave a hole.
            for run in values.chunk_by(|a, b| shade(*a) == shade(*b)) {
                let end = y + run.len() as f64;
                if let Some(color) = shade(run[0]).map(|shade| map.scale.color(shade)) {
                    chart.draw_series([Rectangle::new([(x, y), (x + 1.0, end)], color.filled())])?;
                    let style = font(CELL_TEXT, canvas::readable_on(color)).pos(CENTER);
                    chart.draw_series(run.iter().filter(|_| has_text).enumerate().map(|(unit, value)| {
                        Text::new(map.scale.label(*value), (x + 0.5, y + unit as f64 + 0.5), style.clone())
                    }))?;
                }
                y = end;
            }
        }
        Ok(())
    }

    /// Draws a colour bar for each scale in use.
    fn draw_color_bars<B: DrawingBackend>(&self, area: &Area<B>) -> Drawn<B> {
        let scales = [Scale::Sigmoid, Scale::Tanh, Scale::Unbounded, Scale::Probability];
        let used: Vec<_> = scales.iter().filter(|scale| self.maps().any(|map| map.scale == **scale)).collect();
        let (width, y) = (SHADE * SHADES as i32, BARS / 2);
        let whole = area.dim_in_pixel().0 as i32;
        let bar = BAR.min((whole - 2 * BAR_LABEL) / used.len().max(1) as i32);
        let mut left = (whole - bar * used.len() as i32 + bar - width) / 2;
        for scale in used {
            for shade in 0..SHADES {
                let corner = (left + SHADE * shade as i32, y - 6 * PX);
                canvas::fill(area, corner, (SHADE, 12 * PX), scale.color(shade))?;
            }
            let [low, high] = scale.ends(self.largest(*scale));
            area.draw_text(&low, &font(LABEL, GREY).pos(RIGHT), (left - 6 * PX, y))?;
            area.draw_text(&high, &font(LABEL, GREY).pos(LEFT), (left + width + 6 * PX, y))?;
            left += bar;
        }
        Ok(())
    }
}

/// The width of the name of a step, with the space to the next one.
fn name_width(name: &str) -> i32 {
    text_width(name, LABEL) + 8 * PX
}

/// The names of as many of the first `count` steps as have `room` on an axis of this length.
fn step_ticks(names: &[String], count: usize, length: i32, room: impl Fn(&str) -> i32) -> Vec<(f64, String)> {
    let needed = names.iter().map(|name| room(name)).max().unwrap_or(0) as usize * count;
    let every = 1 + needed.saturating_sub(1) / length.max(1) as usize;
    (0..count).map(|index| index as f64 + 0.5).zip(names.iter().cloned()).step_by(every).collect()
}

impl Plot for GateMaps {
    fn size(&self) -> (i32, i32) {
        let ((image, column), (heading, maps)) = (self.widths(), self.heights());
        let width = image + self.columns.len().max(1) as i32 * column + MARGIN;
        (width.max(text_width(&self.title, TITLE)), TOP + heading + maps + STEPS + BARS)
    }

    fn draw<B: DrawingBackend>(&self, area: &Area<B>) -> Drawn<B> {
        let ((image, column), (heading, maps)) = (self.widths(), self.heights());
        let height = heading + maps + STEPS;
        let below = canvas::titled(area, &self.title, self.size().0 / 2, TOP)?;
        let (below, foot) = below.split_vertically(height);
        self.draw_image(&below, heading + LINE)?;
        let space = self.numbers() + AXIS_NAME;
        let across = (column - space - MARGIN).min(CELL.0 * self.step_count() as i32);
        let left = (column + space - MARGIN - across) / 2;
        for (index, maps) in (0..).zip(&self.columns) {
            let part = below.clone().shrink((image + column * index, 0), (column, height));
            self.draw_column(&part, maps, (left, heading), across)?;
        }
        if let Some(Column { maps, .. }) = self.columns.first() {
            let bottom: i32 = maps.iter().filter(|map| map.rows.is_empty()).map(GateMap::whole_height).sum();
            let middle = (image + left - self.numbers() - AXIS_NAME + 3 * PX, (2 * heading + LINE + bottom - GAP) / 2);
            let style = font(NAME, INK).transform(FontTransform::Rotate270);
            below.draw_text("hidden unit", &style.pos(CENTER), middle)?;
        }
        self.draw_color_bars(&foot)
    }
}
