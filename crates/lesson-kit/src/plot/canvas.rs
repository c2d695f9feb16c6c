//! What all pictures share: units, fonts, colours, and the PNG and SVG files.
//!
//! plotters rounds every coordinate to an integer. So the unit of length is not a pixel, but a third of it ([`PX`]): the PNG
//! is drawn at three times its size and scaled down, which smooths the edges, and the SVG has a view box.

use std::path::Path;
use std::sync::Once;

use anyhow::{Context, Result, anyhow};
use image::{RgbImage, imageops};
use plotters::backend::{BitMapBackend, DrawingBackend, SVGBackend};
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::element::{PathElement, Rectangle};
use plotters::style::colors::colormaps::{ColorMap, DerivedColorMap};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontStyle, IntoFont, RGBColor, TextStyle, WHITE, register_font};
use plotters_backend::{BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingErrorKind};
use pt_file::atomic;

/// A part of a picture. Coordinates start at its upper left corner.
pub type Area<B> = DrawingArea<B, Shift>;
/// The result of drawing.
pub type Drawn<B, T = ()> = std::result::Result<T, DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>>;

/// One pixel. All lengths in this module are multiples of it.
pub const PX: i32 = 3;

/// The colour of titles, names and captions.
pub const INK: RGBColor = RGBColor(38, 38, 38);
/// The colour of axes and tick labels.
pub const GREY: RGBColor = RGBColor(110, 110, 110);
/// The colour of grid lines and frames.
pub const FAINT: RGBColor = RGBColor(228, 228, 228);
/// Colours of lines. The first [`SAFE_COLORS`] are distinguishable with colour blindness (Okabe and Ito, 2008).
pub const LINE_COLORS: [RGBColor; 10] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(150, 30, 45),
    RGBColor(115, 85, 185),
    RGBColor(120, 120, 120),
    RGBColor(30, 30, 30),
];
pub const SAFE_COLORS: usize = 6;

/// Font sizes of titles, of names (of axes, for example), and of labels.
pub const TITLE: i32 = 18 * PX;
pub const NAME: i32 = 14 * PX;
pub const LABEL: i32 = 13 * PX;

pub const LEFT: Pos = Pos { h_pos: HPos::Left, v_pos: VPos::Center };
pub const CENTER: Pos = Pos { h_pos: HPos::Center, v_pos: VPos::Center };
pub const RIGHT: Pos = Pos { h_pos: HPos::Right, v_pos: VPos::Center };

/// DejaVu Sans, reduced to Latin, Greek and mathematical signs (assets/README.md). So no font has to be installed.
static FONT: &[u8] = include_bytes!("../../assets/DejaVuSans-subset.ttf");
/// The font size in plotters is the line height. The usual font size is the em.
const LINE_HEIGHT: f64 = 1.24;
/// The bitmap backend draws text higher than the SVG backend does, by this fraction of its line height.
const BITMAP_SHIFT: f64 = 0.105;

/// The embedded font.
pub fn font(size: i32, color: RGBColor) -> TextStyle<'static> {
    static REGISTER: Once = Once::new();
    // If this fails, drawing the first text is an error.
    REGISTER.call_once(|| drop(register_font("sans-serif", FontStyle::Normal, FONT)));
    ("sans-serif", LINE_HEIGHT * f64::from(size)).into_font().color(&color)
}

/// An estimate of the width of `text`; too large for most texts.
pub fn text_width(text: &str, size: i32) -> i32 {
    (0.62 * f64::from(size) * text.chars().count() as f64) as i32
}

/// The colour at `position` (0 to 1) of a linear gradient.
pub fn gradient(colors: &[RGBColor], position: f64) -> RGBColor {
    DerivedColorMap::new(colors).get_color(position)
}

/// A text colour that is readable on this background.
pub fn readable_on(background: RGBColor) -> RGBColor {
    let RGBColor(red, green, blue) = background;
    let luminance = 0.299 * f64::from(red) + 0.587 * f64::from(green) + 0.114 * f64::from(blue);
    if luminance > 140.0 { INK } else { WHITE }
}

/// Draws the title in the upper part of this height, centred at `middle`, and returns the area below.
pub fn titled<B: DrawingBackend>(area: &Area<B>, title: &str, middle: i32, height: i32) -> Drawn<B, Area<B>> {
    area.draw_text(title, &font(TITLE, INK).pos(CENTER), (middle, height / 2))?;
    Ok(area.split_vertically(height).1)
}

/// Fills a rectangle. It does not include its right and lower edge, so adjacent rectangles do not overlap.
pub fn fill<B: DrawingBackend>(area: &Area<B>, corner: (i32, i32), size: (i32, i32), color: RGBColor) -> Drawn<B> {
    area.draw(&Rectangle::new([corner, (corner.0 + size.0, corner.1 + size.1)], color.filled()))
}

/// Fills a rectangle and draws a frame of the same colour around it.
pub fn frame<B: DrawingBackend>(area: &Area<B>, corner: (i32, i32), size: (i32, i32), color: RGBColor) -> Drawn<B> {
    fill(area, corner, size, color)?;
    let ((left, top), (right, bottom)) = (corner, (corner.0 + size.0, corner.1 + size.1));
    let path = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)];
    area.draw(&PathElement::new(path, Color::stroke_width(&color, 2 * PX as u32)))
}

/// A picture that [`save`] can write.
pub trait Plot {
    /// Width and height in thirds of a pixel.
    fn size(&self) -> (i32, i32);

    /// Draws the picture on a white area of this size.
    fn draw<B: DrawingBackend>(&self, area: &Area<B>) -> Drawn<B>;
}

/// Writes `stem.png` and `stem.svg`. The same plot gives the same bytes.
///
/// # Errors
/// If a file cannot be written.
pub fn save(plot: &impl Plot, stem: &Path) -> Result<()> {
    let [svg_file, png_file] = ["svg", "png"].map(|extension| stem.with_added_extension(extension));
    let cannot_write = |file: &Path| format!("cannot write {}", file.display());
    atomic::write(&svg_file, svg(plot)?.as_bytes()).with_context(|| cannot_write(&svg_file))?;
    atomic::write_at_path(&png_file, |path| png(plot, path)).with_context(|| cannot_write(&png_file))
}

/// The picture as an SVG document.
fn svg(plot: &impl Plot) -> Result<String> {
    let (width, height) = plot.size();
    let mut text = String::new();
    draw(plot, SVGBackend::with_string(&mut text, (width as u32, height as u32)))?;
    let text = text.replace(" opacity=\"1\"", "").replace(" stroke=\"none\"", ""); // the defaults
    let size = |width, height| format!("width=\"{width}\" height=\"{height}\"");
    Ok(text.replacen(&size(width, height), &size(width / PX, height / PX), 1))
}

/// Writes the picture as a PNG file.
fn png(plot: &impl Plot, path: &Path) -> Result<()> {
    let (width, height) = plot.size();
    let size = (width as u32, height as u32);
    let mut large = RgbImage::new(size.0, size.1);
    draw(plot, Bitmap(BitMapBackend::with_buffer(&mut large, size)))?;
    Ok(imageops::thumbnail(&large, size.0 / PX as u32, size.1 / PX as u32).save(path)?)
}

fn draw<B: DrawingBackend>(plot: &impl Plot, backend: B) -> Result<()> {
    let area = backend.into_drawing_area();
    let drawn = area.fill(&WHITE).and_then(|()| plot.draw(&area)).and_then(|()| area.present());
    drawn.map_err(|error| anyhow!("cannot draw: {error}"))
}

/// plotters' bitmap backend with its text at the height where the SVG backend draws it.
struct Bitmap<'a>(BitMapBackend<'a>);

type BitmapResult<'a> = std::result::Result<(), DrawingErrorKind<<BitMapBackend<'a> as DrawingBackend>::ErrorType>>;

impl<'a> DrawingBackend for Bitmap<'a> {
    type ErrorType = <BitMapBackend<'a> as DrawingBackend>::ErrorType;

    fn get_size(&self) -> (u32, u32) {
        self.0.get_size()
    }

    fn ensure_prepared(&mut self) -> BitmapResult<'a> {
        self.0.ensure_prepared()
    }

    fn present(&mut self) -> BitmapResult<'a> {
        self.0.present()
    }

    fn draw_pixel(&mut self, point: BackendCoord, color: BackendColor) -> BitmapResult<'a> {
        self.0.draw_pixel(point, color)
    }

    fn draw_line<S: BackendStyle>(&mut self, from: BackendCoord, to: BackendCoord, style: &S) -> BitmapResult<'a> {
        self.0.draw_line(from, to, style)
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        upper_left: BackendCoord,
        lower_right: BackendCoord,
        style: &S,
        fill: bool,
    ) -> BitmapResult<'a> {
        self.0.draw_rect(upper_left, lower_right, style, fill)
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, at: BackendCoord) -> BitmapResult<'a> {
        let shift = style.transform().transform(0, (BITMAP_SHIFT * style.size()).round() as i32);
        self.0.draw_text(text, style, (at.0 + shift.0, at.1 + shift.1))
    }
}
