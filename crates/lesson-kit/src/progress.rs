//! Progress on stderr: a bar on a terminal, a line per epoch elsewhere. The only file that uses indicatif.

use std::cell::Cell;
use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::console::print_message;

/// The progress of a training run.
#[derive(Debug)]
pub(crate) enum Progress {
    /// A bar, on a terminal.
    Bar(ProgressBar),
    /// A line per epoch: logs, pipes, CI.
    Lines {
        /// The number of epochs of the run.
        epochs: Cell<u32>,
    },
    /// Nothing.
    Hidden,
}

impl Progress {
    /// A bar if stderr is a terminal, else lines; nothing unless `wanted`.
    pub fn new(wanted: bool) -> Progress {
        let terminal = std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        match (wanted, terminal) {
            (false, _) => Progress::Hidden,
            (true, false) => Progress::Lines { epochs: Cell::new(0) },
            (true, true) => Progress::Bar(ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden())),
        }
    }

    /// Starts the display of a run of `count` epochs.
    pub fn set_epochs(&self, count: u32) {
        match self {
            Progress::Bar(bar) => {
                bar.set_length(count.into());
                bar.set_style(style("epoch {pos}/{len}  {wide_bar:.cyan/dim}  {msg}  {eta} left"));
                bar.set_draw_target(ProgressDrawTarget::stderr());
            }
            Progress::Lines { epochs } => epochs.set(count),
            Progress::Hidden => {}
        }
    }

    /// Shows a completed epoch.
    pub fn epoch(&self, epoch: u32, loss: f32) {
        match self {
            Progress::Bar(bar) => {
                bar.set_message(format!("loss {loss:.6}"));
                bar.set_position(epoch.into());
            }
            Progress::Lines { epochs } => {
                print_message(format_args!("epoch {epoch}/{}  loss {loss:.6}", epochs.get()));
            }
            Progress::Hidden => {}
        }
    }

    /// Shows a completed batch of the current epoch; only the bar shows batches.
    pub fn batch(&self, batch: usize, batches: usize, loss: f32) {
        if let Progress::Bar(bar) = self {
            bar.set_message(format!("batch {batch}/{batches}  loss {loss:.6}"));
            bar.tick();
        }
    }

    /// Runs `print` while the bar is hidden, so that lines and bar do not overlap.
    pub fn suspend<R>(&self, print: impl FnOnce() -> R) -> R {
        match self {
            Progress::Bar(bar) => bar.suspend(print),
            Progress::Lines { .. } | Progress::Hidden => print(),
        }
    }

    /// Removes the bar.
    pub fn finish(&self) {
        if let Progress::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

/// The bar's style; indicatif's default if the template is invalid.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
