//! The line protocol of `scripts/bench`: one request per line on stdin, one answer per line on stdout.

use std::error::Error;
use std::io::{self, Write};
use std::time::Instant;

use serde::{Deserialize, Serialize};

pub mod network;
pub mod step;

pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[derive(Deserialize)]
struct Request<W> {
    work: W,
    /// The number of calls before the timed ones.
    untimed: usize,
    /// Calls are timed until this many seconds have passed, but at least one call.
    budget: f64,
}

#[derive(Serialize)]
struct Answer {
    /// The duration of each timed call.
    seconds: Vec<f64>,
    value: f32,
}

fn requests<W: for<'a> Deserialize<'a>>() -> impl Iterator<Item = Result<Request<W>>> {
    io::stdin().lines().map(|line| Ok(serde_json::from_str(&line?)?))
}

/// Times the calls. Returns also the last result.
fn time<T>(untimed: usize, budget: f64, mut call: impl FnMut() -> Result<T>) -> Result<(Vec<f64>, T)> {
    for _ in 0..untimed {
        call()?;
    }
    let mut seconds = Vec::new();
    let begun = Instant::now();
    loop {
        let started = Instant::now();
        let value = call()?;
        seconds.push(started.elapsed().as_secs_f64());
        if begun.elapsed().as_secs_f64() >= budget {
            return Ok((seconds, value));
        }
    }
}

fn answer(seconds: Vec<f64>, value: f32) -> Result<()> {
    let mut stdout = io::stdout().lock();
    serde_json::to_writer(&mut stdout, &Answer { seconds, value })?;
    writeln!(stdout)?;
    Ok(stdout.flush()?)
}
