//! The training step of lesson 3's network.

use serde::de::IgnoredAny;

use crate::{Request, Result, answer, requests, time};

pub const BATCH: usize = 100;
pub const LENGTH: usize = 28;
pub const PIXELS: usize = 28;
pub const HIDDEN: usize = 128;
pub const CLASSES: usize = 10;
pub const LR: f64 = 0.01;

/// Answers requests with the times of `step`, which returns its loss.
pub fn serve(mut step: impl FnMut() -> Result<f32>) -> Result<()> {
    for request in requests::<IgnoredAny>() {
        let Request { untimed, budget, .. } = request?;
        let (seconds, loss) = time(untimed, budget, &mut step)?;
        answer(seconds, loss)?;
    }
    Ok(())
}
