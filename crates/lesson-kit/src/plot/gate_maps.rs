//! What the gates of a recurrent layer do over time: the lecture's boxes, opened.

use super::image_grid::{Tile, draw_row};
use super::scale::{SHADES, rounded_up};
use super::scene::text_width;
use super::{Align, Color, Plot, Scale, Scene, Shape, formula};

const WIDTH: f64 = 800.0;
const TITLE_SIZE: f64 = 18.0;
const LABEL_SIZE: f64 = 14.0;
const FORMULA_SIZE: f64 = 13.0;
const FIGURE_SIZE: f64 = 12.0;
const MARGIN: f64 = 16.0;
/// Above the first row of maps.
const TOP: f64 = 50.0;
/// Height of a column's heading, and of a map's formula.
const HEADING: f64 = 26.0;
const FORMULA: f64 = 26.0;
/// Between a map and the next.
const GAP: f64 = 14.0;
/// Left of a map, for what the units are called, and of that for their numbers; formulas begin with the numbers.
const UNITS: f64 = 52.0;
const NUMBERS: f64 = 36.0;
/// Narrower than this no column gets: many columns make a wider picture.
const NARROWEST: f64 = 260.0;
/// The most that a step takes across, a unit down, and all units down.
const CELL: (f64, f64) = (130.0, 22.0);
const TALLEST: f64 = 150.0;
/// A cell of at least this size has its figure in it.
const ROOM_FOR_FIGURE: (f64, f64) = (38.0, 16.0);
/// Side of a pixel of the image beside the maps.
const PIXEL: f64 = 5.0;

/// One value of every unit at every step.
#[derive(Debug, Clone)]
pub struct GateMap {
    formula: String,
    scale: Scale,
    /// Step by step, the units of each.
    values: Vec<Vec<f32>>,
}

/// Heat maps below each other: time from left to right, hidden units from top to bottom, in the order of their index.
///
/// Maps of another layer or direction go into a further column.
#[derive(Debug, Clone)]
pub struct GateMaps {
    title: String,
    step_label: String,
    step_names: Vec<String>,
    columns: Vec<(String, Vec<GateMap>)>,
    image: Option<(usize, Tile)>,
}

impl GateMap {
    /// `values[step][unit]` under its equation, in which an underscore makes a subscript: `r_t = σ(W_ir x_t + ..)`.
    pub fn new(formula: impl Into<String>, scale: Scale, values: Vec<Vec<f32>>) -> GateMap {
        GateMap { formula: formula.into(), scale, values }
    }

    fn units(&self) -> usize {
        self.values.iter().map(Vec::len).max().unwrap_or(0)
    }

    fn height(&self) -> f64 {
        (CELL.1 * self.units() as f64).min(TALLEST)
    }

    /// The farthest that a finite value is from 0.
    fn reach(&self) -> f64 {
        self.values
            .iter()
            .flatten()
            .filter(|value| value.is_finite())
            .fold(0.0, |most, value| most.max(value.abs().into()))
    }
}

impl GateMaps {
    /// Maps over the steps that `step_names` names; `step_label` says what a step is: a word, a day, a row.
    pub fn new(title: impl Into<String>, step_label: impl Into<String>, step_names: Vec<String>) -> GateMaps {
        let (title, step_label) = (title.into(), step_label.into());
        GateMaps { title, step_label, step_names, columns: Vec::new(), image: None }
    }

    /// Adds a column of maps; an empty heading takes no room.
    pub fn column(mut self, heading: impl Into<String>, maps: Vec<GateMap>) -> GateMaps {
        self.columns.push((heading.into(), maps));
        self
    }

    /// An image beside the maps, `width` pixels across, whose rows are the steps.
    pub fn image(mut self, width: usize, image: Tile) -> GateMaps {
        self.image = Some((width.max(1), image));
        self
    }

    fn maps(&self) -> impl Iterator<Item = &GateMap> {
        self.columns.iter().flat_map(|(_, maps)| maps)
    }

    fn layout(&self) -> Layout {
        let image = self.image.as_ref().map_or(MARGIN, |(width, tile)| {
            let caption = tile.caption.lines().map(|line| text_width(line, FIGURE_SIZE)).fold(0.0, f64::max);
            2.0 * MARGIN + UNITS / 2.0 + (PIXEL * *width as f64).max(caption - UNITS / 2.0)
        });
        let columns = self.columns.len().max(1) as f64;
        let column = ((WIDTH - image - MARGIN) / columns).max(NARROWEST);
        let steps = self.maps().map(|map| map.values.len()).max().unwrap_or(0).max(1) as f64;
        let across = (column - UNITS - MARGIN).min(CELL.0 * steps);
        let heading = if self.columns.iter().any(|(heading, _)| !heading.is_empty()) { HEADING } else { 0.0 };
        let height = |maps: &[GateMap]| maps.iter().map(|map| FORMULA + map.height() + GAP).sum::<f64>();
        let tallest = self.columns.iter().map(|(_, maps)| height(maps)).fold(0.0, f64::max);
        let largest = self.maps().filter(|map| map.scale == Scale::Unbounded).map(GateMap::reach).fold(0.0, f64::max);
        let width = (image + columns * column + MARGIN).max(text_width(&self.title, TITLE_SIZE));
        let bottom = TOP + heading + tallest.max(self.image_height());
        Layout { width, bottom, image, column, across, step: across / steps, heading, largest: rounded_up(largest) }
    }

    fn image_height(&self) -> f64 {
        self.image.as_ref().map_or(0.0, |(width, tile)| {
            let rows = tile.pixels.len().div_ceil(*width) as f64;
            FORMULA + PIXEL * rows + 18.0 * tile.caption.lines().count() as f64 + 2.0 * GAP
        })
    }

    /// Names under the columns of the lowest map, as many as there is room for.
    fn draw_steps(&self, scene: &mut Scene, layout: &Layout, left: f64, top: f64) {
        for (index, name) in self.names_with_room(layout.step, |name| text_width(name, FIGURE_SIZE) + 8.0) {
            let x = left + layout.step * (index as f64 + 0.5);
            scene.add(Shape::Line(vec![(x, top), (x, top + 4.0)], 1.0, Color::GREY));
            scene.add(Shape::Text(name.to_owned(), (x, top + 14.0), FIGURE_SIZE, Align::Center, Color::GREY));
        }
        let middle = (left + layout.across / 2.0, top + 34.0);
        scene.add(Shape::Text(self.step_label.clone(), middle, LABEL_SIZE, Align::Center, Color::INK));
    }

    /// The names of every so many steps, beginning with the first, that each have the `room` they need.
    fn names_with_room(&self, step: f64, room: impl Fn(&str) -> f64) -> impl Iterator<Item = (usize, &str)> {
        let widest = self.step_names.iter().map(|name| room(name)).fold(0.0, f64::max);
        let every = (widest / step).ceil().max(1.0) as usize;
        self.step_names.iter().map(String::as_str).enumerate().step_by(every)
    }

    fn draw_image(&self, scene: &mut Scene, layout: &Layout) {
        let Some((across, tile)) = &self.image else { return };
        let rows = tile.pixels.len().div_ceil(*across);
        let (left, top) = (MARGIN + UNITS / 2.0, TOP + layout.heading + FORMULA);
        let (width, height) = (PIXEL * *across as f64, PIXEL * rows as f64);
        scene.add(Shape::Rect(left - 1.0, top - 1.0, width + 2.0, height + 2.0, Color::GREY));
        scene.add(Shape::Rect(left, top, width, height, Color::WHITE));
        for (row, pixels) in tile.pixels.chunks(*across).enumerate() {
            draw_row(scene, (left, top + PIXEL * row as f64), PIXEL, pixels);
        }
        for (index, name) in self.names_with_room(PIXEL, |_| FIGURE_SIZE + 4.0).filter(|(index, _)| *index < rows) {
            let beside = (left - 6.0, top + PIXEL * (index as f64 + 0.5));
            scene.add(Shape::Text(name.to_owned(), beside, FIGURE_SIZE, Align::Right, Color::GREY));
        }
        for (index, line) in tile.caption.lines().enumerate() {
            let under = (left, top + height + 18.0 * (index as f64 + 1.0));
            scene.add(Shape::Text(line.to_owned(), under, FIGURE_SIZE, Align::Left, Color::INK));
        }
    }

    /// A bar for each scale that is used, in a row at the foot.
    fn draw_scales(&self, scene: &mut Scene, layout: &Layout, y: f64) {
        let piece = 4.0;
        let bar = piece * SHADES as f64;
        let used = |scale: &Scale| self.maps().any(|map| map.scale == *scale);
        let scales: Vec<_> = [Scale::Sigmoid, Scale::Tanh, Scale::Unbounded].into_iter().filter(used).collect();
        let ends = |scale: &Scale| scale.ends(layout.largest);
        let width = |(low, high): &(String, String)| text_width(low, FIGURE_SIZE) + bar + text_width(high, FIGURE_SIZE);
        let all = scales.iter().map(|scale| width(&ends(scale)) + 2.0 * MARGIN).sum::<f64>() - 2.0 * MARGIN;
        let mut x = (layout.width - all) / 2.0;
        for scale in scales {
            let (low, high) = ends(&scale);
            x += text_width(&low, FIGURE_SIZE);
            scene.add(Shape::Text(low, (x - 6.0, y), FIGURE_SIZE, Align::Right, Color::GREY));
            for shade in 0..SHADES {
                let place = x + piece * shade as f64;
                scene.add(Shape::Rect(place, y - 6.0, piece, 12.0, scale.color(shade)));
            }
            x += bar;
            scene.add(Shape::Text(high.clone(), (x + 6.0, y), FIGURE_SIZE, Align::Left, Color::GREY));
            x += text_width(&high, FIGURE_SIZE) + 2.0 * MARGIN;
        }
    }
}

impl Plot for GateMaps {
    fn scene(&self) -> Scene {
        let layout = self.layout();
        let mut scene = Scene::new(layout.width as u32, (layout.bottom + 86.0) as u32);
        let title = (layout.width / 2.0, 26.0);
        scene.add(Shape::Text(self.title.clone(), title, TITLE_SIZE, Align::Center, Color::INK));
        self.draw_image(&mut scene, &layout);
        for (index, (heading, maps)) in self.columns.iter().enumerate() {
            let left = layout.left(index);
            let mut top = TOP;
            let above = (left - NUMBERS, top + HEADING / 2.0);
            scene.add(Shape::Text(heading.clone(), above, LABEL_SIZE, Align::Left, Color::INK));
            top += layout.heading;
            for map in maps {
                layout.draw_map(&mut scene, map, (left, top));
                top += FORMULA + map.height() + GAP;
            }
            self.draw_steps(&mut scene, &layout, left, top - GAP);
            if index == 0 {
                let middle = (left - UNITS + 3.0, (TOP + layout.heading + FORMULA + top - GAP) / 2.0);
                scene.add(Shape::UpwardText("hidden unit".to_owned(), middle, LABEL_SIZE, Color::INK));
            }
        }
        self.draw_scales(&mut scene, &layout, layout.bottom + 62.0);
        scene
    }
}

/// Where things are.
struct Layout {
    width: f64,
    /// Of the lowest map and of the image.
    bottom: f64,
    /// The width that the image takes.
    image: f64,
    /// The width of a column, and of the maps in it.
    column: f64,
    across: f64,
    step: f64,
    /// Height of the headings.
    heading: f64,
    /// End of the unbounded scale.
    largest: f64,
}

impl Layout {
    /// The left edge of a column's maps.
    fn left(&self, column: usize) -> f64 {
        let spare = self.column - UNITS - MARGIN - self.across;
        self.image + self.column * column as f64 + UNITS + spare / 2.0
    }

    fn draw_map(&self, scene: &mut Scene, map: &GateMap, (left, top): (f64, f64)) {
        let beginning = (left - NUMBERS, top + 11.0);
        let size = FORMULA_SIZE * ((self.column - MARGIN) / formula::width(&map.formula, FORMULA_SIZE)).min(1.0);
        scene.add(Shape::Formula(map.formula.clone(), beginning, size, Color::INK));
        let (top, units) = (top + FORMULA, map.units());
        if units == 0 {
            return;
        }
        let (height, unit) = (map.height(), map.height() / units as f64);
        scene.add(Shape::Rect(left - 1.0, top - 1.0, self.across + 2.0, height + 2.0, Color::FAINT));
        for (step, values) in map.values.iter().enumerate() {
            self.draw_step(scene, map.scale, values, (left + self.step * step as f64, top), unit);
        }
        let every = ((FIGURE_SIZE + 4.0) / unit).ceil().max(1.0) as usize;
        let every = if every > 1 { every.next_power_of_two() } else { 1 };
        for index in (0..units).step_by(every) {
            let beside = (left - 6.0, top + unit * (index as f64 + 0.5));
            scene.add(Shape::Text(index.to_string(), beside, FIGURE_SIZE, Align::Right, Color::GREY));
        }
    }

    /// The units of one step; neighbours of one shade are one rectangle. A value that is no number leaves a hole.
    fn draw_step(&self, scene: &mut Scene, scale: Scale, values: &[f32], (left, top): (f64, f64), unit: f64) {
        let shade = |value: f32| scale.shade(value, self.largest);
        let mut from = 0;
        for run in values.chunk_by(|one, other| shade(*one) == shade(*other)) {
            if let Some(shade) = shade(run[0]) {
                let color = scale.color(shade);
                let y = top + unit * from as f64;
                scene.add(Shape::Rect(left, y, self.step, unit * run.len() as f64, color));
                if self.step >= ROOM_FOR_FIGURE.0 && unit >= ROOM_FOR_FIGURE.1 {
                    for (index, value) in run.iter().enumerate() {
                        let middle = (left + self.step / 2.0, y + unit * (index as f64 + 0.5));
                        let figure = format!("{value:.2}").replace('-', "\u{2212}");
                        scene.add(Shape::Text(figure, middle, FIGURE_SIZE, Align::Center, color.ink_on()));
                    }
                }
            }
            from += run.len();
        }
    }
}
