//! A square table of counts, such as a confusion matrix, with the counts in coloured cells.

use super::{Align, Color, Plot, Scene, Shape};

const CELL: f64 = 52.0;
const LEFT: f64 = 92.0;
const TOP: f64 = 60.0;
const RIGHT: f64 = 28.0;
const BOTTOM: f64 = 76.0;
const FIGURE_SIZE: f64 = 13.0;

/// Counts by row and column. A cell's colour is its share of its row, so that rows of any size can be compared.
#[derive(Debug, Clone)]
pub struct HeatMap {
    title: String,
    row_label: String,
    column_label: String,
    names: Vec<String>,
    counts: Vec<Vec<i64>>,
}

impl HeatMap {
    /// A map of `counts`, with `names` beside the rows and under the columns.
    pub fn new(title: impl Into<String>, names: Vec<String>, counts: Vec<Vec<i64>>) -> HeatMap {
        let (row_label, column_label) = ("true".to_owned(), "predicted".to_owned());
        HeatMap { title: title.into(), row_label, column_label, names, counts }
    }

    /// What rows and columns are; true and predicted if this is not called.
    pub fn labels(mut self, rows: impl Into<String>, columns: impl Into<String>) -> HeatMap {
        (self.row_label, self.column_label) = (rows.into(), columns.into());
        self
    }
}

impl Plot for HeatMap {
    fn scene(&self) -> Scene {
        let rows = self.counts.len();
        let columns = self.counts.iter().map(Vec::len).max().unwrap_or(0);
        let (width, height) = (CELL * columns as f64, CELL * rows as f64);
        let mut scene = Scene::new((LEFT + width + RIGHT) as u32, (TOP + height + BOTTOM) as u32);
        let title = (LEFT + width / 2.0, TOP / 2.0);
        scene.add(Shape::Text(self.title.clone(), title, 18.0, Align::Center, Color::INK));
        for (row, counts) in self.counts.iter().enumerate() {
            let total: i64 = counts.iter().sum();
            for (column, &count) in counts.iter().enumerate() {
                cell(&mut scene, row, column, count, count as f64 / total.max(1) as f64);
            }
        }
        for (index, name) in self.names.iter().enumerate() {
            let along = CELL * (index as f64 + 0.5);
            let (beside, under) = ((LEFT - 10.0, TOP + along), (LEFT + along, TOP + height + 16.0));
            if index < rows {
                scene.add(Shape::Text(name.clone(), beside, FIGURE_SIZE, Align::Right, Color::GREY));
            }
            if index < columns {
                scene.add(Shape::Text(name.clone(), under, FIGURE_SIZE, Align::Center, Color::GREY));
            }
        }
        let under = (LEFT + width / 2.0, TOP + height + BOTTOM - 28.0);
        scene.add(Shape::Text(self.column_label.clone(), under, 14.0, Align::Center, Color::INK));
        scene.add(Shape::UpwardText(self.row_label.clone(), (24.0, TOP + height / 2.0), 14.0, Color::INK));
        scene
    }
}

/// The root of the share, not the share, sets the colour: a few mistakes among a thousand remain visible.
fn cell(scene: &mut Scene, row: usize, column: usize, count: i64, share: f64) {
    let (left, top) = (LEFT + CELL * column as f64, TOP + CELL * row as f64);
    let paper = Color(245, 247, 250);
    let color = paper.towards(Color(8, 69, 128), share.sqrt());
    scene.add(Shape::Rect(left + 1.0, top + 1.0, CELL - 2.0, CELL - 2.0, color));
    let ink = if count == 0 { Color(190, 196, 204) } else { color.ink_on() };
    let middle = (left + CELL / 2.0, top + CELL / 2.0);
    scene.add(Shape::Text(count.to_string(), middle, FIGURE_SIZE, Align::Center, ink));
}
