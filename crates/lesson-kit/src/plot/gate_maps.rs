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
/// The space on the left of a map, and the part of it that has the unit numbers.
const UNITS: i32 = 52 * PX;
const NUMBERS: i32 = 36 * PX;
/// The smallest width of a column. Many columns make a wider picture.
const NARROWEST: i32 = 260 * PX;
/// The largest width of a step, height of a unit, and height of a map.
const CELL: (i32, i32) = (130 * PX, 22 * PX);
const TALLEST: i32 = 150 * PX;
/// The font size of the value in a cell, and the smallest cell that has one.
const CELL_TEXT: i32 = 12 * PX;
const CELL_WITH_TEXT: (i32, i32) = (38 * PX, 16 * PX);
/// The width of a colour bar with its labels, and of one of its shades.
const BAR: i32 = 240 * PX;
const SHADE: i32 = 4 * PX;
/// The side of a pixel of the image.
const PIXEL: i32 = 5 * PX;

/// One value of every unit at every step.
#[derive(Debug, Clone)]
pub struct GateMap {
    equation: String,
    scale: Scale,
    /// `values[step][unit]`
    values: Vec<Vec<f32>>,
}

/// Heat maps of gates: time from left to right, hidden units from top to bottom in the order of their index.
///
/// Another layer or direction is another column.
#[derive(Debug, Clone)]
pub struct GateMaps {
    title: String,
    step_label: String,
    step_names: Vec<String>,
    columns: Vec<(String, Vec<GateMap>)>,
    image: Option<(usize, Tile)>,
}

impl GateMap {
    /// `values[step][unit]` below their equation. An underscore in it starts a subscript: `r_t = σ(W_ir x_t + ..)`.
    pub fn new(equation: impl Into<String>, scale: Scale, values: Vec<Vec<f32>>) -> GateMap {
        GateMap { equation: equation.into(), scale, values }
    }

    fn units(&self) -> usize {
        self.values.iter().map(Vec::len).max().unwrap_or(0)
    }

    fn height(&self) -> i32 {
        (CELL.1 * self.units() as i32).min(TALLEST)
    }
}

impl GateMaps {
    /// Maps over the steps `step_names`. `step_label` is what a step is, such as a word, a day, or a row.
    pub fn new(title: impl Into<String>, step_label: impl Into<String>, step_names: Vec<String>) -> GateMaps {
        let (title, step_label) = (title.into(), step_label.into());
        GateMaps { title, step_label, step_names, columns: Vec::new(), image: None }
    }

    /// Adds a column of maps. The heading may be empty.
    pub fn column(mut self, heading: impl Into<String>, maps: Vec<GateMap>) -> GateMaps {
        self.columns.push((heading.into(), maps));
        self
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
        self.columns.iter().flat_map(|(_, maps)| maps)
    }

    /// The end of the unbounded scale.
    fn largest(&self) -> f64 {
        let unbounded = self.maps().filter(|map| map.scale == Scale::Unbounded);
        let values = unbounded.flat_map(|map| map.values.iter().flatten()).filter(|value| value.is_finite());
        rounded_up(values.fold(0.0, |most, value| most.max(f64::from(value.abs()))))
    }

    /// The width of the image with its margins, and of a column.
    fn widths(&self) -> (i32, i32) {
        let image = self.image.as_ref().map_or(MARGIN, |(width, tile)| {
            let caption = tile.caption.lines().map(|line| text_width(line, LABEL)).max().unwrap_or(0);
            2 * MARGIN + UNITS / 2 + (PIXEL * *width as i32).max(caption - UNITS / 2)
        });
        (image, ((WIDTH - image - MARGIN) / self.columns.len().max(1) as i32).max(NARROWEST))
    }

    /// The height of the headings, and of the maps or the image, whichever is taller.
    fn heights(&self) -> (i32, i32) {
        let heading = if self.columns.iter().any(|(heading, _)| !heading.is_empty()) { LINE } else { 0 };
        let maps = self.columns.iter().map(|(_, maps)| maps.iter().map(|map| LINE + map.height() + GAP).sum());
        let image = self.image.iter().map(|(width, tile)| {
            let rows = tile.pixels.len().div_ceil(*width) as i32;
            LINE + PIXEL * rows + 18 * PX * tile.caption.lines().count() as i32 + 2 * GAP
        });
        (heading, maps.chain(image).max().unwrap_or(0))
    }

    /// The names of as many of the first `count` steps as have `room` on an axis of this length.
    fn step_ticks(&self, count: usize, length: i32, room: impl Fn(&String) -> i32) -> Vec<(f64, String)> {
        let every = 1 + self.step_names.iter().map(room).max().unwrap_or(0) as usize * count / length.max(1) as usize;
        (0..count).map(|index| index as f64 + 0.5).zip(self.step_names.iter().cloned()).step_by(every).collect()
    }

    /// Draws the image with its upper edge at `top`.
    fn draw_image<B: DrawingBackend>(&self, area: &Area<B>, top: i32) -> Drawn<B> {
        let Some((width, tile)) = &self.image else { return Ok(()) };
        let rows = tile.pixels.len().div_ceil(*width);
        let size = (PIXEL * *width as i32, PIXEL * rows as i32);
        let ticks = self.step_ticks(rows, size.1, |_| LABEL + 4 * PX);
        let y = Axis::with_ticks(rows as f64..0.0, ticks).named("", UNITS / 2);
        let strip = area.clone().shrink((MARGIN, top), (UNITS / 2 + size.0, size.1));
        let plot = chart(&strip, Axis::with_ticks(0.0..1.0, []), y, false)?.plotting_area().strip_coord_spec();
        canvas::frame(&plot, (0, 0), size, GREY)?;
        draw_image(&plot, (0, 0), PIXEL, *width, &tile.pixels)?;
        for (line, text) in (1..).zip(tile.caption.lines()) {
            let at = (MARGIN + UNITS / 2, top + size.1 + 18 * PX * line);
            area.draw_text(text, &font(LABEL, INK).pos(LEFT), at)?;
        }
        Ok(())
    }

    /// Draws a column of maps of the width `across`. They start at `left` and `top`.
    fn draw_column<B: DrawingBackend>(
        &self,
        area: &Area<B>,
        (heading, maps): &(String, Vec<GateMap>),
        (left, mut top): (i32, i32),
        across: i32,
    ) -> Drawn<B> {
        let left = left - NUMBERS;
        area.draw_text(heading, &font(NAME, INK).pos(LEFT), (left, top / 2))?;
        for (index, map) in maps.iter().enumerate() {
            formula::draw(area, &map.equation, (left, top + 11 * PX), area.dim_in_pixel().0 as i32 - MARGIN)?;
            let below = if index + 1 == maps.len() { STEPS } else { 0 };
            let strip = area.clone().shrink((left, top + LINE), (NUMBERS + across, map.height() + below));
            self.draw_map(&strip, map, across, below)?;
            top += LINE + map.height() + GAP;
        }
        Ok(())
    }

    /// Draws a map of the width `across`, and the names of the steps in the space `below` it.
    fn draw_map<B: DrawingBackend>(&self, area: &Area<B>, map: &GateMap, across: i32, below: i32) -> Drawn<B> {
        let (steps, units, largest) = (self.step_count(), map.units(), self.largest());
        let names = self.step_ticks(steps, across, |name| text_width(name, LABEL) + 8 * PX);
        let every = 1 + (LABEL + 4 * PX) as usize * units / map.height().max(1) as usize;
        let numbers = (0..units).step_by(every.next_power_of_two()).map(|unit| (unit as f64 + 0.5, unit.to_string()));
        let x = Axis::with_ticks(0.0..steps as f64, names).named(&self.step_label, below);
        let y = Axis::with_ticks(units as f64..0.0, numbers).named("", NUMBERS);
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
                        let text = format!("{value:.2}").replace('-', "\u{2212}");
                        Text::new(text, (x + 0.5, y + unit as f64 + 0.5), style.clone())
                    }))?;
                }
                y = end;
            }
        }
        Ok(())
    }

    /// Draws a colour bar for each scale in use.
    fn draw_color_bars<B: DrawingBackend>(&self, area: &Area<B>) -> Drawn<B> {
        let scales = [Scale::Sigmoid, Scale::Tanh, Scale::Unbounded];
        let used: Vec<_> = scales.iter().filter(|scale| self.maps().any(|map| map.scale == **scale)).collect();
        let (width, y) = (SHADE * SHADES as i32, BARS / 2);
        let mut left = (area.dim_in_pixel().0 as i32 - BAR * used.len() as i32 + BAR - width) / 2;
        for scale in used {
            for shade in 0..SHADES {
                let corner = (left + SHADE * shade as i32, y - 6 * PX);
                canvas::fill(area, corner, (SHADE, 12 * PX), scale.color(shade))?;
            }
            let [low, high] = scale.ends(self.largest());
            area.draw_text(&low, &font(LABEL, GREY).pos(RIGHT), (left - 6 * PX, y))?;
            area.draw_text(&high, &font(LABEL, GREY).pos(LEFT), (left + width + 6 * PX, y))?;
            left += BAR;
        }
        Ok(())
    }
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
        let across = (column - UNITS - MARGIN).min(CELL.0 * self.step_count() as i32);
        let left = (column + UNITS - MARGIN - across) / 2;
        for (index, maps) in (0..).zip(&self.columns) {
            let part = below.clone().shrink((image + column * index, 0), (column, height));
            self.draw_column(&part, maps, (left, heading), across)?;
        }
        if let Some((_, maps)) = self.columns.first() {
            let bottom: i32 = maps.iter().map(|map| LINE + map.height() + GAP).sum();
            let middle = (image + left - UNITS + 3 * PX, (2 * heading + LINE + bottom - GAP) / 2);
            let style = font(NAME, INK).transform(FontTransform::Rotate270);
            below.draw_text("hidden unit", &style.pos(CENTER), middle)?;
        }
        self.draw_color_bars(&foot)
    }
}
