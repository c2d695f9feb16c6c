//! What every command needs: a device, threads, and somewhere to say things.

use std::fmt::Display;

use anyhow::{Context, Result};
use serde::Serialize;
use tch::Device;

use crate::console::Console;
use crate::{TrainArgs, device};

/// Device and console of a program that is about to compute.
#[derive(Debug)]
pub struct Session {
    pub(crate) device: Device,
    pub(crate) console: Console,
    /// How the device came to be chosen.
    pub(crate) line: String,
}

impl Session {
    /// Chooses the device and sets the number of threads. Everything that computes comes after this call.
    ///
    /// # Errors
    /// If the device is not there.
    pub fn start(args: &TrainArgs) -> Result<Session> {
        let chosen = device::choose(args.device)?;
        if let Some(threads) = args.threads {
            tch::set_num_threads(threads);
        }
        let epochs = if args.dry_run { 1 } else { args.epochs };
        Ok(Session { device: chosen.device, console: Console::new(args, epochs), line: chosen.line })
    }

    /// Where to compute.
    pub fn device(&self) -> Device {
        self.device
    }

    /// Prints a line of results on stdout; with `--json` stdout is for [`Session::json`] alone.
    ///
    /// # Errors
    /// If stdout cannot take it.
    pub fn say(&self, line: impl Display) -> Result<()> {
        self.console.say(line)
    }

    /// Says something about the results on stderr, unless `--quiet`.
    pub fn note(&self, line: impl Display) {
        self.console.note(line);
    }

    /// With `--json`: prints the results as one object.
    ///
    /// # Errors
    /// If stdout cannot take it.
    pub fn json(&self, results: &impl Serialize) -> Result<()> {
        self.console.json(serde_json::to_string(results).context("the results as JSON")?)
    }
}
