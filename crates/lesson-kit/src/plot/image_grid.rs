//! Small grey images in rows, each with a caption.

use super::scene::text_width;
use super::{Align, Color, Plot, Scene, Shape};

/// Side of a pixel of an image, in pixels of the picture.
const SCALE: f64 = 4.0;
const GAP: f64 = 18.0;
const CAPTION: f64 = 24.0;
const TOP: f64 = 58.0;
const TITLE_SIZE: f64 = 18.0;

/// A grid of images of one size.
#[derive(Debug, Clone)]
pub struct ImageGrid {
    title: String,
    /// Pixels across an image.
    width: usize,
    columns: usize,
    tiles: Vec<Tile>,
}

/// One image of a grid.
#[derive(Debug, Clone)]
pub struct Tile {
    /// Row by row; 0 is background (white on paper), 255 is ink.
    pub pixels: Vec<u8>,
    /// A few words under the image.
    pub caption: String,
}

impl ImageGrid {
    /// `tiles`, each `width` pixels across, in rows of `columns`.
    pub fn new(title: impl Into<String>, width: usize, columns: usize, tiles: Vec<Tile>) -> ImageGrid {
        ImageGrid { title: title.into(), width: width.max(1), columns: columns.max(1), tiles }
    }
}

impl Plot for ImageGrid {
    fn scene(&self) -> Scene {
        let rows_of_pixels = self.tiles.iter().map(|tile| tile.pixels.len().div_ceil(self.width)).max().unwrap_or(0);
        let (width, height) = (SCALE * self.width as f64, SCALE * rows_of_pixels as f64);
        let columns = self.columns.min(self.tiles.len()).max(1);
        let rows = self.tiles.len().div_ceil(columns);
        let tiles_across = columns as f64 * (width + GAP) + GAP;
        let across = tiles_across.max(text_width(&self.title, TITLE_SIZE) + 2.0 * GAP);
        let down = TOP + rows as f64 * (height + CAPTION + GAP);
        let mut scene = Scene::new(across as u32, down as u32);
        scene.add(Shape::Text(self.title.clone(), (across / 2.0, TOP / 2.0), TITLE_SIZE, Align::Center, Color::INK));
        for (index, tile) in self.tiles.iter().enumerate() {
            let left = (across - tiles_across) / 2.0 + GAP + (index % columns) as f64 * (width + GAP);
            let top = TOP + (index / columns) as f64 * (height + CAPTION + GAP);
            scene.add(Shape::Rect(left - 1.0, top - 1.0, width + 2.0, height + 2.0, Color::FAINT));
            scene.add(Shape::Rect(left, top, width, height, Color::WHITE));
            for (row, pixels) in tile.pixels.chunks(self.width).enumerate() {
                draw_row(&mut scene, (left, top + SCALE * row as f64), SCALE, pixels);
            }
            let under = (left + width / 2.0, top + height + CAPTION / 2.0);
            scene.add(Shape::Text(tile.caption.clone(), under, 13.0, Align::Center, Color::INK));
        }
        scene
    }
}

/// A row of pixels of side `scale`; neighbours of the same grey are one rectangle, and white is the paper.
pub(super) fn draw_row(scene: &mut Scene, (left, top): (f64, f64), scale: f64, pixels: &[u8]) {
    let mut column = 0;
    for run in pixels.chunk_by(|one, other| one == other) {
        if run[0] > 0 {
            let x = left + scale * column as f64;
            let color = Color::WHITE.towards(Color::INK, f64::from(run[0]) / 255.0);
            scene.add(Shape::Rect(x, top, scale * run.len() as f64, scale, color));
        }
        column += run.len();
    }
}
