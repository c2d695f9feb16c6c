//! Small grey images in rows, each with a caption.

use plotters::backend::DrawingBackend;
use plotters::style::WHITE;

use super::canvas::{self, Area, CENTER, Drawn, FAINT, INK, LABEL, PX, Plot, TITLE, font, text_width};

/// The side of a pixel of an image.
const SCALE: i32 = 4 * PX;
const GAP: i32 = 18 * PX;
const CAPTION: i32 = 24 * PX;
const TOP: i32 = 58 * PX;

/// A grid of images that have the same size.
#[derive(Debug, Clone)]
pub struct ImageGrid {
    title: String,
    /// The width of an image in its own pixels.
    width: usize,
    columns: usize,
    tiles: Vec<Tile>,
}

/// An image and its caption.
#[derive(Debug, Clone)]
pub struct Tile {
    /// Pixels in row-major order, from 0 (white) to 255 (black).
    pub pixels: Vec<u8>,
    /// A few words below the image.
    pub caption: String,
}

impl ImageGrid {
    /// `tiles`, each `width` pixels wide, in rows of `columns`.
    pub fn new(title: impl Into<String>, width: usize, columns: usize, tiles: Vec<Tile>) -> ImageGrid {
        ImageGrid { title: title.into(), width: width.max(1), columns: columns.max(1), tiles }
    }

    fn columns(&self) -> usize {
        self.columns.min(self.tiles.len()).max(1)
    }

    /// The width and height of an image.
    fn image_size(&self) -> (i32, i32) {
        let rows = self.tiles.iter().map(|tile| tile.pixels.len().div_ceil(self.width)).max().unwrap_or(0);
        (SCALE * self.width as i32, SCALE * rows as i32)
    }
}

impl Plot for ImageGrid {
    fn size(&self) -> (i32, i32) {
        let (width, height) = self.image_size();
        let (columns, rows) = (self.columns(), self.tiles.len().div_ceil(self.columns()));
        let whole_width = (columns as i32 * (width + GAP) + GAP).max(text_width(&self.title, TITLE) + 2 * GAP);
        (whole_width, TOP + rows as i32 * (height + CAPTION + GAP))
    }

    fn draw<B: DrawingBackend>(&self, area: &Area<B>) -> Drawn<B> {
        let ((width, height), columns, middle) = (self.image_size(), self.columns(), self.size().0 / 2);
        let below = canvas::titled(area, &self.title, middle, TOP)?;
        let left = middle - (columns as i32 * (width + GAP) - GAP) / 2;
        for (index, tile) in self.tiles.iter().enumerate() {
            let (column, row) = ((index % columns) as i32, (index / columns) as i32);
            let (x, y) = (left + column * (width + GAP), row * (height + CAPTION + GAP));
            canvas::frame(&below, (x, y), (width, height), FAINT)?;
            draw_image(&below, (x, y), SCALE, self.width, &tile.pixels)?;
            let caption = (x + width / 2, y + height + CAPTION / 2);
            below.draw_text(&tile.caption, &font(LABEL, INK).pos(CENTER), caption)?;
        }
        Ok(())
    }
}

/// Draws an image with pixels of side `scale`. Adjacent pixels of one grey are one rectangle, which keeps the files small.
pub(super) fn draw_image<B: DrawingBackend>(
    area: &Area<B>,
    (left, top): (i32, i32),
    scale: i32,
    width: usize,
    pixels: &[u8],
) -> Drawn<B> {
    let rows = pixels.len().div_ceil(width) as i32;
    canvas::fill(area, (left, top), (scale * width as i32, scale * rows), WHITE)?;
    for (row, pixels) in (0..).zip(pixels.chunks(width)) {
        let mut x = left;
        for run in pixels.chunk_by(PartialEq::eq) {
            let length = scale * run.len() as i32;
            if run[0] > 0 {
                let color = canvas::gradient(&[WHITE, INK], f64::from(run[0]) / 255.0);
                canvas::fill(area, (x, top + scale * row), (length, scale), color)?;
            }
            x += length;
        }
    }
    Ok(())
}
