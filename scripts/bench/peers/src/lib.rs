//! The line protocol of `scripts/bench`, and the sizes of the one training step that it asks for here.

use std::error::Error;
use std::io::{self, Write};
use std::time::Instant;

use serde::{Deserialize, Serialize};

pub const BATCH: usize = 100;
pub const LENGTH: usize = 28;
pub const PIXELS: usize = 28;
pub const HIDDEN: usize = 128;
pub const CLASSES: usize = 10;
pub const LR: f64 = 0.01;

#[derive(Deserialize)]
struct Request {
    untimed: usize,
    budget: f64,
}

#[derive(Serialize)]
struct Answer {
    seconds: Vec<f64>,
    value: f32,
}

/// Answers requests with the times of `step`, which returns its loss.
pub fn serve(mut step: impl FnMut() -> Result<f32, Box<dyn Error>>) -> Result<(), Box<dyn Error>> {
    for line in io::stdin().lines() {
        let Request { untimed, budget } = serde_json::from_str(&line?)?;
        for _ in 0..untimed {
            step()?;
        }
        let (mut seconds, mut value) = (Vec::new(), 0.0);
        let begun = Instant::now();
        while seconds.is_empty() || begun.elapsed().as_secs_f64() < budget {
            let call = Instant::now();
            value = step()?;
            seconds.push(call.elapsed().as_secs_f64());
        }
        let mut stdout = io::stdout().lock();
        serde_json::to_writer(&mut stdout, &Answer { seconds, value })?;
        writeln!(stdout)?;
        stdout.flush()?;
    }
    Ok(())
}
