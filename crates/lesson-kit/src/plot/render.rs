//! From shapes to PNG and SVG. The only file that names plotters.
//!
//! plotters places everything on whole pixels. Drawn at [`FINER`] times the size and scaled back (PNG: averaged; SVG:
//! by the view box), lines are smooth and places exact.

use std::path::Path;
use std::sync::OnceLock;

use anyhow::{Result, anyhow};
use plotters::backend::{BitMapBackend, DrawingBackend, SVGBackend};
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::{Circle, PathElement, Rectangle, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color as _, FontStyle, FontTransform, IntoFont, RGBColor, register_font};

use super::{Align, Color, Scene, Shape, formula};

/// DejaVu Sans cut down to Latin, Greek and signs (see assets/README.md); no font needs to be installed.
static FONT: &[u8] = include_bytes!("../../assets/DejaVuSans-subset.ttf");
const FAMILY: &str = "sans-serif";
/// Times finer than the picture.
const FINER: u32 = 3;
/// plotters' font size is that of the whole line; this is per unit of what others call the size.
const LINE_HEIGHT: f64 = 1.24;
/// plotters' bitmaps centre a text by the box around its line, which leaves the letters this much too high.
const BITMAP_SINK: f64 = 0.13;

/// The scene as an SVG document.
///
/// # Errors
/// If the font cannot be used.
pub fn svg(scene: &Scene) -> Result<String> {
    let (width, height) = (scene.width * FINER, scene.height * FINER);
    let mut text = String::new();
    draw(scene, SVGBackend::with_string(&mut text, (width, height)), 0.0)?;
    // The view box keeps the fine units; the picture has its own size.
    let fine = format!("width=\"{width}\" height=\"{height}\"");
    let text = text.replace(" opacity=\"1\"", "").replace(" stroke=\"none\"", ""); // as they are anyway
    Ok(text.replacen(&fine, &format!("width=\"{}\" height=\"{}\"", scene.width, scene.height), 1))
}

/// The scene as a PNG file.
///
/// # Errors
/// If the font cannot be used or the file not be written.
pub fn png(scene: &Scene, path: &Path) -> Result<()> {
    let (width, height) = (scene.width * FINER, scene.height * FINER);
    let mut fine = vec![0; 3 * width as usize * height as usize];
    draw(scene, BitMapBackend::with_buffer(&mut fine, (width, height)), BITMAP_SINK)?;
    let pixels = averaged(&fine, width as usize);
    let mut file = BitMapBackend::new(path, (scene.width, scene.height));
    file.blit_bitmap((0, 0), (scene.width, scene.height), &pixels).map_err(|error| anyhow!("{error}"))?;
    file.present().map_err(|error| anyhow!("{error}"))
}

/// Each square of `FINER` by `FINER` pixels becomes one.
fn averaged(fine: &[u8], width: usize) -> Vec<u8> {
    let finer = FINER as usize;
    let mut sums = vec![0u32; 3 * width / finer];
    let mut pixels = Vec::with_capacity(fine.len() / (finer * finer));
    for rows in fine.chunks_exact(3 * width * finer) {
        sums.fill(0);
        for row in rows.chunks_exact(3 * width) {
            for (block, sum) in row.chunks_exact(3 * finer).zip(sums.chunks_exact_mut(3)) {
                for pixel in block.chunks_exact(3) {
                    sum.iter_mut().zip(pixel).for_each(|(sum, &value)| *sum += u32::from(value));
                }
            }
        }
        pixels.extend(sums.iter().map(|sum| ((sum + FINER * FINER / 2) / (FINER * FINER)) as u8));
    }
    pixels
}

/// `sink` moves texts down by this part of their size.
fn draw<B: DrawingBackend>(scene: &Scene, backend: B, sink: f64) -> Result<()> {
    static REGISTERED: OnceLock<bool> = OnceLock::new();
    if !*REGISTERED.get_or_init(|| register_font(FAMILY, FontStyle::Normal, FONT).is_ok()) {
        return Err(anyhow!("the embedded font is damaged"));
    }
    let area = backend.into_drawing_area();
    let drawn = || {
        area.fill(&plotters_color(Color::WHITE))?;
        scene.shapes.iter().try_for_each(|shape| draw_shape(&area, shape, sink))?;
        area.present()
    };
    drawn().map_err(|error| anyhow!("cannot draw: {error}"))
}

type Drawn<B> = std::result::Result<(), plotters::drawing::DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>>;

fn draw_shape<B: DrawingBackend>(area: &DrawingArea<B, Shift>, shape: &Shape, sink: f64) -> Drawn<B> {
    match shape {
        Shape::Rect(left, top, width, height, color) => {
            // Filled, it ends before its second corner: neighbours touch and do not overlap.
            let corners = [place((*left, *top)), place((left + width, top + height))];
            area.draw(&Rectangle::new(corners, plotters_color(*color).filled()))
        }
        Shape::Line(points, width, color) => {
            let stroke = plotters_color(*color).stroke_width(fine(*width).max(1) as u32);
            area.draw(&PathElement::new(points.iter().map(|&point| place(point)).collect::<Vec<_>>(), stroke))
        }
        Shape::Dot(center, radius, color) => {
            area.draw(&Circle::new(place(*center), fine(*radius), plotters_color(*color).filled()))
        }
        Shape::Text(text, (x, y), size, align, color) => {
            let style = font(*size).color(&plotters_color(*color)).pos(anchor(*align));
            area.draw(&Text::new(text.as_str(), place((*x, y + sink * size)), style))
        }
        Shape::Formula(text, (x, y), size, color) => {
            let mut x = *x;
            for part in formula::parts(text) {
                let (size, drop) = if part.lowered { (formula::LOWERED * size, 0.32 * size) } else { (*size, 0.0) };
                let style = font(size).color(&plotters_color(*color)).pos(anchor(Align::Left));
                // What is measured is ink; between bars it is how far the text takes the pen.
                let width = |text: &str| area.estimate_text_size(text, &style).map(|(width, _)| f64::from(width));
                let advance = width(&format!("|{}|", part.text))? - width("||")?;
                area.draw(&Text::new(part.text, place((x, y + drop + sink * size)), style.clone()))?;
                x += advance / f64::from(FINER);
            }
            Ok(())
        }
        Shape::UpwardText(text, (x, y), size, color) => {
            let font = font(*size).transform(FontTransform::Rotate270);
            let style = font.color(&plotters_color(*color)).pos(anchor(Align::Center));
            area.draw(&Text::new(text.as_str(), place((x + sink * size, *y)), style))
        }
    }
}

fn font(size: f64) -> plotters::style::FontDesc<'static> {
    (FAMILY, size * LINE_HEIGHT * f64::from(FINER)).into_font()
}

fn anchor(align: Align) -> Pos {
    let across = match align {
        Align::Left => HPos::Left,
        Align::Center => HPos::Center,
        Align::Right => HPos::Right,
    };
    Pos::new(across, VPos::Center)
}

fn place((x, y): (f64, f64)) -> (i32, i32) {
    (fine(x), fine(y))
}

fn fine(length: f64) -> i32 {
    (length * f64::from(FINER)).round() as i32
}

fn plotters_color(color: Color) -> RGBColor {
    RGBColor(color.0, color.1, color.2)
}
