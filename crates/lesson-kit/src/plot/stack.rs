//! Charts below each other in one picture, their frames' left edges in one line.

use super::{LineChart, Plot, Scene};

/// Line charts from top to bottom.
#[derive(Debug, Clone)]
pub struct Stack(pub Vec<LineChart>);

impl Plot for Stack {
    fn scene(&self) -> Scene {
        let mut whole = Scene::new(0, 0);
        let left = self.0.iter().map(LineChart::left).fold(0.0, f64::max);
        for chart in &self.0 {
            let scene = chart.scene_from(left);
            let top = f64::from(whole.height);
            whole.shapes.extend(scene.shapes.into_iter().map(|shape| shape.moved_down(top)));
            whole.width = whole.width.max(scene.width);
            whole.height += scene.height;
        }
        whole
    }
}
