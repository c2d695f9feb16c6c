//! What every command needs: a device, threads, and somewhere to say things.

use std::fmt::Display;

use anyhow::{Context, Result};
use serde::Serialize;
use tch::Device;

use crate::args::DeviceChoice;
use crate::console::Console;
use crate::{Backend, TrainArgs, device, processes};

/// Device and console of a program that is about to compute.
#[derive(Debug)]
pub struct Session {
    pub(crate) device: Device,
    backend: Backend,
    pub(crate) console: Console,
    /// How the device came to be chosen, and the backend if it is not the usual one.
    pub(crate) line: String,
}

impl Session {
    /// Chooses the device and sets the number of threads; says so where it is not the CPU. Everything that computes comes after
    /// this call.
    ///
    /// # Errors
    /// If the device is not there.
    pub fn start(args: &TrainArgs) -> Result<Session> {
        let session = Session::silent(args)?;
        if session.device != Device::Cpu {
            session.note(&session.line);
        }
        Ok(session)
    }

    /// [`Session::start`] for those who say themselves what was chosen.
    pub(crate) fn silent(args: &TrainArgs) -> Result<Session> {
        let backend = args.backend;
        let choice = match (args.device, backend) {
            (DeviceChoice::Auto, Backend::Fused) => DeviceChoice::Cpu, // where its kernels compute
            (choice, _) => choice,
        };
        let mut chosen = device::choose(choice)?;
        if let Some(processes) = processes::current() {
            if chosen.device == Device::Cuda(0) {
                chosen = device::choose(DeviceChoice::Cuda(processes.local_rank()))?;
            }
            processes.connect(chosen.device)?;
            chosen.line = format!("{}, rank 0 of {} processes", chosen.line, processes.world());
        }
        if let Some(threads) = args.threads {
            tch::set_num_threads(threads);
        }
        let epochs = if args.dry_run { 1 } else { args.epochs };
        let line = if backend == Backend::Exact { chosen.line } else { format!("{}, backend: {backend}", chosen.line) };
        Ok(Session { device: chosen.device, backend, console: Console::new(args, epochs), line })
    }

    /// Where to compute.
    pub fn device(&self) -> Device {
        self.device
    }

    /// What is to compute the recurrent layers.
    pub fn backend(&self) -> Backend {
        self.backend
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
