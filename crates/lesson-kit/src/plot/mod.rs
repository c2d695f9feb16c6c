//! Pictures: line charts, heat maps of counts, gates over time, grids of small images; each as PNG and SVG.
//!
//! A plot describes itself as a [`Scene`] of a few plain shapes; `render.rs` alone knows how these become pixels.

mod formula;
mod gate_maps;
mod heat_map;
mod image_grid;
mod line_chart;
mod render;
mod scale;
mod scene;
mod stack;
mod ticks;

use std::path::Path;

use anyhow::Result;

use pt_file::atomic;

pub use gate_maps::{GateMap, GateMaps};
pub use heat_map::HeatMap;
pub use image_grid::{ImageGrid, Tile};
pub use line_chart::{Line, LineChart};
pub use scale::Scale;
pub use scene::{Align, Color, Scene, Shape};
pub use stack::Stack;

/// A picture.
pub trait Plot {
    /// The picture as shapes.
    fn scene(&self) -> Scene;
}

/// Writes `stem.png` and `stem.svg`. The same plot gives the same bytes.
///
/// # Errors
/// If a file cannot be written.
pub fn save(plot: &impl Plot, stem: &Path) -> Result<()> {
    let scene = plot.scene();
    let svg = render::svg(&scene)?;
    atomic::write(&stem.with_added_extension("svg"), svg.as_bytes())?;
    atomic::write_at_path(&stem.with_added_extension("png"), |path| render::png(&scene, path))
}
