//! The shapes that pictures are made of. Units are pixels, y grows downwards.

/// A colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Color(pub u8, pub u8, pub u8);

impl Color {
    /// The paper.
    pub const WHITE: Color = Color(255, 255, 255);
    /// Text.
    pub const INK: Color = Color(38, 38, 38);
    /// Axes and their figures.
    pub const GREY: Color = Color(110, 110, 110);
    /// Lines that guide the eye and should not catch it.
    pub const FAINT: Color = Color(228, 228, 228);

    /// Colours of series, told apart by the colour-blind as well (Okabe and Ito, 2008).
    pub const SERIES: [Color; 6] = [
        Color(0, 114, 178),
        Color(213, 94, 0),
        Color(0, 158, 115),
        Color(204, 121, 167),
        Color(230, 159, 0),
        Color(86, 180, 233),
    ];

    /// The colour `share` of the way to `other`.
    pub fn towards(self, other: Color, share: f64) -> Color {
        let mix = |from: u8, to: u8| (f64::from(from) + share * (f64::from(to) - f64::from(from))).round() as u8;
        Color(mix(self.0, other.0), mix(self.1, other.1), mix(self.2, other.2))
    }

    /// The colour `share` of the way, 0 to 1, along `stops` at equal distances.
    pub fn on_ramp(stops: &[Color], share: f64) -> Color {
        let way = share.clamp(0.0, 1.0) * stops.len().saturating_sub(1) as f64;
        let pair = |index: usize| stops.get(index).or(stops.last()).copied().unwrap_or(Color::WHITE);
        pair(way as usize).towards(pair(way as usize + 1), way.fract())
    }

    /// The text colour that can be read on this one.
    pub fn ink_on(self) -> Color {
        let luminance = 0.299 * f64::from(self.0) + 0.587 * f64::from(self.1) + 0.114 * f64::from(self.2);
        if luminance > 140.0 { Color::INK } else { Color::WHITE }
    }
}

/// Which point of a text its position names. Vertically it is always the middle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Its left end.
    Left,
    /// Its middle.
    Center,
    /// Its right end.
    Right,
}

/// One thing to draw.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// A filled rectangle: left, top, width, height.
    Rect(f64, f64, f64, f64, Color),
    /// A line through points, of a width.
    Line(Vec<(f64, f64)>, f64, Color),
    /// A filled circle: centre, radius.
    Dot((f64, f64), f64, Color),
    /// Horizontal text: position, size.
    Text(String, (f64, f64), f64, Align, Color),
    /// Horizontal text with subscripts, `h_t`, `W_hr` or `h_{t−1}`: its left end, size.
    Formula(String, (f64, f64), f64, Color),
    /// Text that reads upwards: the position of its middle, size.
    UpwardText(String, (f64, f64), f64, Color),
}

impl Shape {
    /// The same further down.
    #[must_use]
    pub fn moved_down(self, by: f64) -> Shape {
        let down = |(x, y): (f64, f64)| (x, y + by);
        match self {
            Shape::Rect(left, top, width, height, color) => Shape::Rect(left, top + by, width, height, color),
            Shape::Line(points, width, color) => Shape::Line(points.into_iter().map(down).collect(), width, color),
            Shape::Dot(center, radius, color) => Shape::Dot(down(center), radius, color),
            Shape::Text(text, position, size, align, color) => Shape::Text(text, down(position), size, align, color),
            Shape::Formula(text, position, size, color) => Shape::Formula(text, down(position), size, color),
            Shape::UpwardText(text, position, size, color) => Shape::UpwardText(text, down(position), size, color),
        }
    }
}

/// A picture of a size, drawn in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Scene {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// What to draw on white paper.
    pub shapes: Vec<Shape>,
}

impl Scene {
    /// Empty paper.
    pub fn new(width: u32, height: u32) -> Scene {
        Scene { width, height, shapes: Vec::new() }
    }

    /// Adds a shape on top.
    pub fn add(&mut self, shape: Shape) {
        self.shapes.push(shape);
    }
}

/// About how wide `text` is at `size`: enough to leave room for it.
pub(super) fn text_width(text: &str, size: f64) -> f64 {
    0.62 * size * text.chars().count() as f64
}
