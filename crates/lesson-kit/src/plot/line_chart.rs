//! Lines over a common x axis: losses over epochs, prices over days.

use super::scene::text_width;
use super::ticks::Axis;
use super::{Align, Color, Plot, Scene, Shape};

const WIDTH: f64 = 800.0;
const HEIGHT: f64 = 500.0;
const TITLE_SIZE: f64 = 18.0;
const LABEL_SIZE: f64 = 14.0;
const FIGURE_SIZE: f64 = 13.0;
/// Below this many points each gets a dot.
const FEW_POINTS: usize = 30;

/// A chart of 800 by 500 pixels, unless told otherwise.
#[derive(Debug, Clone)]
pub struct LineChart {
    title: String,
    x_label: String,
    y_label: String,
    height: f64,
    log_y: bool,
    lines: Vec<Line>,
}

/// One line of a chart. Points that are not finite leave a gap.
#[derive(Debug, Clone)]
pub struct Line {
    label: String,
    points: Vec<(f64, f64)>,
    pale: bool,
    width: f64,
}

impl Line {
    /// A line through `points`.
    pub fn new(label: impl Into<String>, points: Vec<(f64, f64)>) -> Line {
        Line { label: label.into(), points, pale: false, width: 2.0 }
    }

    /// Thin and pale: for what stands behind the other lines.
    pub fn pale(mut self) -> Line {
        self.pale = true;
        self.width = 1.0;
        self
    }

    /// Broad: for what another line will cover.
    pub fn broad(mut self) -> Line {
        self.width = 6.0;
        self
    }
}

impl LineChart {
    /// A chart without lines yet.
    pub fn new(title: impl Into<String>, x_label: impl Into<String>, y_label: impl Into<String>) -> LineChart {
        let (title, x_label, y_label) = (title.into(), x_label.into(), y_label.into());
        LineChart { title, x_label, y_label, height: HEIGHT, log_y: false, lines: Vec::new() }
    }

    /// Adds a line; the first is drawn first. With more than one, a legend shows the labels.
    pub fn line(mut self, line: Line) -> LineChart {
        self.lines.push(line);
        self
    }

    /// Another height than 500 pixels, for a chart that stands in a [`Stack`](super::Stack).
    pub fn height(mut self, pixels: u32) -> LineChart {
        self.height = pixels.into();
        self
    }

    /// A logarithmic y axis; points that are not positive are left out.
    pub fn log_y(mut self) -> LineChart {
        self.log_y = true;
        self
    }

    fn drawable(&self, &(x, y): &(f64, f64)) -> bool {
        x.is_finite() && y.is_finite() && (!self.log_y || y > 0.0)
    }

    fn frame(&self) -> Frame {
        let points = || self.lines.iter().flat_map(|line| &line.points).filter(|point| self.drawable(point));
        let span = |values: &mut dyn Iterator<Item = f64>| {
            values.fold(None, |span: Option<(f64, f64)>, value| {
                let (low, high) = span.unwrap_or((value, value));
                Some((low.min(value), high.max(value)))
            })
        };
        let (x_low, x_high) = span(&mut points().map(|point| point.0)).unwrap_or((0.0, 1.0));
        let (y_low, y_high) = span(&mut points().map(|point| point.1)).unwrap_or((0.1, 1.0));
        let whole = points().all(|point| point.0.fract() == 0.0);
        let x_pad = if x_high > x_low { 0.02 * (x_high - x_low) } else { 0.5 };
        let mut x = Axis::linear(x_low - x_pad, x_high + x_pad, 8, whole);
        x.ticks.retain(|&(value, _)| value >= x_low - x_pad / 2.0);
        let y = if self.log_y {
            Axis::log(y_low / 1.15, y_high * 1.15)
        } else {
            let pad = 0.05 * (y_high - y_low);
            let from_zero = y_low >= 0.0 && y_low < 0.25 * y_high;
            Axis::linear(if from_zero { 0.0 } else { y_low - pad }, y_high + pad, 6, false)
        };
        let widest = y.ticks.iter().map(|(_, figure)| text_width(figure, FIGURE_SIZE)).fold(0.0, f64::max);
        Frame { left: 46.0 + widest, right: WIDTH - 28.0, top: 52.0, bottom: self.height - 62.0, x, y }
    }

    fn color(&self, index: usize) -> Color {
        let strong = Color::SERIES[index % Color::SERIES.len()];
        if self.lines[index].pale { Color::SERIES[0].towards(Color::WHITE, 0.62) } else { strong }
    }

    fn draw_line(&self, scene: &mut Scene, frame: &Frame, index: usize) {
        let line = &self.lines[index];
        let (color, width) = (self.color(index), line.width);
        for run in line.points.split(|point| !self.drawable(point)).filter(|run| !run.is_empty()) {
            let points: Vec<(f64, f64)> = run.iter().map(|&point| frame.place(point)).collect();
            if line.points.len() < FEW_POINTS || points.len() == 1 {
                points.iter().for_each(|&center| scene.add(Shape::Dot(center, 2.0 * width, color)));
            }
            if points.len() > 1 {
                scene.add(Shape::Line(points, width, color));
            }
        }
    }

    /// The labels, in the corner where the fewest points lie.
    fn draw_legend(&self, scene: &mut Scene, frame: &Frame) {
        let (row, swatch, gap) = (22.0, 26.0, 10.0);
        let label = self.lines.iter().map(|line| text_width(&line.label, FIGURE_SIZE)).fold(0.0, f64::max);
        let (width, height) = (label + swatch + 3.0 * gap, row * self.lines.len() as f64 + gap);
        let corners = [frame.right - width - gap, frame.left + gap]
            .into_iter()
            .flat_map(|left| [frame.top + gap, frame.bottom - height - gap].map(|top| (left, top)));
        let covered = |&(left, top): &(f64, f64)| {
            let inside = |(x, y): (f64, f64)| {
                (left - gap..=left + width + gap).contains(&x) && (top - gap..=top + height + gap).contains(&y)
            };
            let points = self.lines.iter().flat_map(|line| &line.points).filter(|point| self.drawable(point));
            points.filter(|&&point| inside(frame.place(point))).count()
        };
        let Some((left, top)) = corners.min_by_key(covered) else { return };
        scene.add(Shape::Rect(left, top, width, height, Color::WHITE));
        for (index, line) in self.lines.iter().enumerate() {
            let y = top + gap / 2.0 + row * (index as f64 + 0.5);
            let stroke = vec![(left + gap, y), (left + gap + swatch, y)];
            scene.add(Shape::Line(stroke, line.width + 0.5, self.color(index)));
            let position = (left + 2.0 * gap + swatch, y);
            scene.add(Shape::Text(line.label.clone(), position, FIGURE_SIZE, Align::Left, Color::INK));
        }
    }
}

impl LineChart {
    /// Where the frame begins that leaves room for the figures of the y axis.
    pub(super) fn left(&self) -> f64 {
        self.frame().left
    }

    /// The picture with the frame beginning at `left`.
    pub(super) fn scene_from(&self, left: f64) -> Scene {
        let mut scene = Scene::new(WIDTH as u32, self.height as u32);
        let frame = Frame { left, ..self.frame() };
        let middle = (frame.left + frame.right) / 2.0;
        frame.draw(&mut scene);
        scene.add(Shape::Text(self.title.clone(), (middle, 27.0), TITLE_SIZE, Align::Center, Color::INK));
        scene.add(Shape::Text(
            self.x_label.clone(),
            (middle, self.height - 20.0),
            LABEL_SIZE,
            Align::Center,
            Color::INK,
        ));
        let center = (20.0, (frame.top + frame.bottom) / 2.0);
        scene.add(Shape::UpwardText(self.y_label.clone(), center, LABEL_SIZE, Color::INK));
        (0..self.lines.len()).for_each(|index| self.draw_line(&mut scene, &frame, index));
        if self.lines.len() > 1 {
            self.draw_legend(&mut scene, &frame);
        }
        scene
    }
}

impl Plot for LineChart {
    fn scene(&self) -> Scene {
        self.scene_from(self.left())
    }
}

/// The rectangle between the axes.
struct Frame {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    x: Axis,
    y: Axis,
}

impl Frame {
    fn place(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let across = self.left + self.x.share(x) * (self.right - self.left);
        (across, self.bottom - self.y.share(y) * (self.bottom - self.top))
    }

    /// Grid, axes and figures.
    fn draw(&self, scene: &mut Scene) {
        for (value, figure) in &self.y.ticks {
            let y = self.bottom - self.y.share(*value) * (self.bottom - self.top);
            scene.add(Shape::Line(vec![(self.left, y), (self.right, y)], 1.0, Color::FAINT));
            let position = (self.left - 8.0, y);
            scene.add(Shape::Text(figure.clone(), position, FIGURE_SIZE, Align::Right, Color::GREY));
        }
        for (value, figure) in &self.x.ticks {
            let x = self.left + self.x.share(*value) * (self.right - self.left);
            scene.add(Shape::Line(vec![(x, self.bottom), (x, self.bottom + 5.0)], 1.0, Color::GREY));
            let position = (x, self.bottom + 18.0);
            scene.add(Shape::Text(figure.clone(), position, FIGURE_SIZE, Align::Center, Color::GREY));
        }
        scene.add(Shape::Line(vec![(self.left, self.bottom), (self.right, self.bottom)], 1.0, Color::GREY));
    }
}
