//! Charts below each other in one picture.

use super::{LineChart, Plot, Scene};

/// Line charts from top to bottom.
#[derive(Debug, Clone)]
pub struct Stack(pub Vec<LineChart>);

impl Plot for Stack {
    fn scene(&self) -> Scene {
        let mut whole = Scene::new(0, 0);
        for chart in &self.0 {
            let scene = chart.scene();
            let top = f64::from(whole.height);
            whole.shapes.extend(scene.shapes.into_iter().map(|shape| shape.moved_down(top)));
            whole.width = whole.width.max(scene.width);
            whole.height += scene.height;
        }
        whole
    }
}
