//! Pictures, drawn with plotters and saved as PNG and SVG.
//!
//! | module | content |
//! |---|---|
//! | `line_chart` | [`LineChart`], [`Line`], [`Stack`]: losses over epochs, prices over days |
//! | `heat_map` | [`HeatMap`]: a confusion matrix |
//! | `gate_maps` | [`GateMaps`], [`GateMap`]: the values of a layer's gates over time |
//! | `gate_lines` | [`GateLines`], [`LinePanel`]: the same as lines, for layers with few units |
//! | `image_grid` | [`ImageGrid`], [`Tile`]: small grey images with captions |
//! | `chart` | a chart with two axes: range, ticks, labels |
//! | `color_scale` | [`Scale`]: the colour of a gate's value |
//! | `formula` | one line of text with subscripts |
//! | `canvas` | [`Plot`], [`save()`]: units, fonts and colours, and the PNG and SVG files |

mod canvas;
mod chart;
mod color_scale;
mod formula;
mod gate_lines;
mod gate_maps;
mod heat_map;
mod image_grid;
mod line_chart;

pub use canvas::{Area, Drawn, Plot, save};
pub(crate) use chart::grouped;
pub use color_scale::Scale;
pub use gate_lines::{GateLines, LinePanel};
pub use gate_maps::{GateMap, GateMaps};
pub use heat_map::HeatMap;
pub use image_grid::{ImageGrid, Tile};
pub use line_chart::{Line, LineChart, Stack};
