//! Progress on stderr: a bar on a terminal, a line per epoch elsewhere. The only file that names indicatif.

use std::io::{IsTerminal, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How far training is. Cloning gives another handle on the same display.
#[derive(Debug, Clone)]
pub enum Progress {
    /// A bar that redraws itself, on a terminal.
    Bar(ProgressBar),
    /// A line per epoch: logs, pipes, CI.
    Lines {
        /// The number of epochs that the run is to have.
        epochs: u32,
    },
    /// Nothing.
    Hidden,
}

impl Progress {
    /// Chooses the display: nothing if not `wanted`, else what fits stderr.
    pub fn new(wanted: bool, epochs: u32) -> Progress {
        let terminal = std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        match (wanted, terminal) {
            (false, _) => Progress::Hidden,
            (true, false) => Progress::Lines { epochs },
            (true, true) => {
                let bar = ProgressBar::with_draw_target(Some(epochs.into()), ProgressDrawTarget::stderr());
                bar.set_style(style("epoch {pos}/{len}  {wide_bar:.cyan/dim}  {msg}  {eta} left"));
                Progress::Bar(bar)
            }
        }
    }

    /// An epoch is done.
    pub fn epoch(&self, epoch: u32, loss: f32) {
        match self {
            Progress::Bar(bar) => {
                bar.set_message(format!("loss {loss:.6}"));
                bar.set_position(epoch.into());
            }
            Progress::Lines { epochs } => {
                // stderr has no buffer: eprintln! would write each part of the line by itself.
                let line = format!("epoch {epoch}/{epochs}  loss {loss:.6}\n");
                let _ = std::io::stderr().write_all(line.as_bytes()); // nobody is left to tell
            }
            Progress::Hidden => {}
        }
    }

    /// A batch of the current epoch is done; only a bar shows it.
    pub fn batch(&self, batch: usize, batches: usize, loss: f32) {
        if let Progress::Bar(bar) = self {
            bar.set_message(format!("batch {batch}/{batches}  loss {loss:.6}"));
            bar.tick();
        }
    }

    /// Runs `print` with the bar out of the way, so that printed lines and bar do not tear each other.
    pub fn suspend<R>(&self, print: impl FnOnce() -> R) -> R {
        match self {
            Progress::Bar(bar) => bar.suspend(print),
            Progress::Lines { .. } | Progress::Hidden => print(),
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Progress::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

/// The bar's look; indicatif's own if the template should ever not parse.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
