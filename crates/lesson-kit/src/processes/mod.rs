//! Several processes that do one run together, under torchrun; of which this is one.
//!
//! As in `torch.distributed`, there is one group per program, made before anything else: `join` does it where torchrun's
//! variables are, and everything else asks `current`. Without torchrun there is none, each function here returns what it
//! was given, and nothing costs anything.
//!
//! What a process must do alone (the run folder, what people read) rank 0 does; what all must agree on comes from it.

mod restart;
mod training;

use std::cell::{OnceCell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::ArgMatches;
use tch::{Device, Kind, Tensor};
use torch_ext::dist::{CommunicationBackend, Launch, ProcessGroup};

use crate::Lesson;
use crate::args::DeviceChoice;
use crate::exit::UsageError;

pub(crate) use restart::arguments_after_restart;
pub(crate) use training::{due_for_all, rng_states};

thread_local! {
    /// Of the main thread, the only one that trains.
    static CURRENT: RefCell<Option<Rc<Processes>>> = const { RefCell::new(None) };
}

/// The group that this process belongs to.
#[derive(Debug)]
pub(crate) struct Processes {
    launch: Launch,
    timeout: Duration,
    group: ProcessGroup,
    /// For tensors on a GPU, where NCCL is built in.
    nccl: OnceCell<ProcessGroup>,
}

/// Being one of a group, or not; ends when dropped, which must be before the program does.
#[derive(Debug)]
pub(crate) struct Membership(());

impl Drop for Membership {
    fn drop(&mut self) {
        drop(CURRENT.take());
    }
}

/// Joins the processes that torchrun started, if it started this one.
///
/// # Errors
/// If they cannot be met; if this is nothing to be done by several.
pub(crate) fn join(lesson: &Lesson, matches: &ArgMatches) -> Result<Membership> {
    let Some(launch) = Launch::from_env()? else { return Ok(Membership(())) };
    check_command(lesson, matches)?;
    let seconds = matches.try_get_one::<u64>("dist_timeout").ok().flatten().copied().unwrap_or(60);
    if !matches!(matches.try_get_one("device"), Ok(Some(DeviceChoice::Cpu))) {
        let _ = torch_ext::cuda::load(); // now or never; who needs it hears of a failure later
    }
    let timeout = Duration::from_secs(seconds);
    let group = ProcessGroup::join(&launch, CommunicationBackend::Gloo, timeout)?;
    let processes = Processes { launch, timeout, group, nccl: OnceCell::new() };
    CURRENT.set(Some(Rc::new(processes)));
    Ok(Membership(()))
}

/// The group, if this process belongs to one.
pub(crate) fn current() -> Option<Rc<Processes>> {
    CURRENT.with_borrow(Clone::clone)
}

/// Whether this process is the one that writes and prints.
pub(crate) fn is_first() -> bool {
    current().is_none_or(|processes| processes.rank() == 0)
}

/// `rank 1 of 2`; nothing without a group.
pub(crate) fn name() -> Option<String> {
    current().map(|processes| format!("rank {} of {}", processes.rank(), processes.world()))
}

/// Does what rank 0 alone is to do; `None` for the others, which have waited for it.
///
/// # Errors
/// Rank 0's own; the others hear that there was one.
pub(crate) fn first_only<T>(work: impl FnOnce() -> Result<T>) -> Result<Option<T>> {
    let Some(processes) = current() else { return work().map(Some) };
    let done = if processes.rank() == 0 { Some(work()) } else { None };
    let failed = matches!(done, Some(Err(_)));
    if processes.number_of_first(i64::from(failed))? != 0 && !failed {
        bail!("rank 0 cannot go on, and says why");
    }
    done.transpose()
}

/// The bytes that rank 0 makes.
///
/// # Errors
/// As [`first_only`].
pub(crate) fn bytes_of_first(make: impl FnOnce() -> Result<Vec<u8>>) -> Result<Vec<u8>> {
    let made = first_only(make)?;
    let Some(processes) = current() else { return Ok(made.unwrap_or_default()) };
    let length = processes.number_of_first(made.as_ref().map_or(0, Vec::len) as i64)?;
    let bytes = match &made {
        Some(bytes) => Tensor::f_from_slice(bytes)?,
        None => Tensor::f_zeros([length], (Kind::Uint8, Device::Cpu))?,
    };
    if length > 0 {
        processes.group.broadcast(&bytes, 0)?;
    }
    made.map_or_else(|| Ok(Vec::try_from(&bytes)?), Ok)
}

/// This process's part of `tensor`, cut along `dim` into neighbours as equal as can be: `tensor.tensor_split(world, dim)[rank]`.
/// All of it without a group.
///
/// # Errors
/// If libtorch refuses.
pub fn part(tensor: &Tensor, dim: i64) -> Result<Tensor> {
    let Some(processes) = current() else { return Ok(tensor.shallow_clone()) };
    let parts = tensor.f_tensor_split(processes.world() as i64, dim)?;
    Ok(parts.into_iter().nth(processes.rank()).context("no part")?.f_contiguous()?)
}

/// As [`part`], of the columns of a batch: all processes have equally many.
///
/// # Errors
/// [`UsageError`] if they cannot.
pub fn columns(tensor: &Tensor, dim: i64) -> Result<Tensor> {
    let size = tensor.size().get(usize::try_from(dim)?).copied().context("no such dimension")?;
    share_of_batch(size, current().map_or(1, |processes| processes.world() as i64))?;
    part(tensor, dim)
}

/// How much of a batch of `size` each of `world` processes has.
pub(crate) fn share_of_batch(size: i64, world: i64) -> Result<i64> {
    if size % world != 0 {
        return Err(UsageError(format!(
            "--batch-size {size} cannot be shared by {world} processes equally: take a multiple of {world}"
        ))
        .into());
    }
    Ok(size / world)
}

/// The sum over all processes.
///
/// # Errors
/// If one of them is lost.
pub fn sum(number: f64) -> Result<f64> {
    let Some(processes) = current() else { return Ok(number) };
    let number = Tensor::f_from_slice(&[number])?;
    processes.group.all_reduce_sum(&number)?;
    Ok(number.f_double_value(&[0])?)
}

/// The mean over all processes, of which each has its `mean` and what that weighs.
///
/// # Errors
/// As [`sum`].
pub fn weighted_mean(mean: f64, weight: f64) -> Result<f64> {
    if current().is_none() {
        return Ok(mean);
    }
    Ok(sum(if weight > 0.0 { weight * mean } else { 0.0 })? / sum(weight)?)
}

/// The lists of all processes, one after the other.
///
/// # Errors
/// As [`sum`].
pub fn concat(list: Vec<i64>) -> Result<Vec<i64>> {
    let Some(processes) = current() else { return Ok(list) };
    let lengths = processes.group.all_gather(&Tensor::f_from_slice(&[list.len() as i64])?)?;
    let lengths = lengths.iter().map(|length| length.f_int64_value(&[0])).collect::<Result<Vec<_>, _>>()?;
    let mut padded = list;
    padded.resize(lengths.iter().copied().max().unwrap_or(0) as usize, 0);
    let gathered = processes.group.all_gather(&Tensor::f_from_slice(&padded)?)?;
    let parts = gathered.iter().zip(&lengths).map(|(part, &length)| part.f_narrow(0, 0, length));
    Ok(Vec::try_from(Tensor::f_cat(&parts.collect::<Result<Vec<_>, _>>()?, 0)?)?)
}

impl Processes {
    pub(crate) fn rank(&self) -> usize {
        self.launch.rank
    }

    pub(crate) fn world(&self) -> usize {
        self.launch.world
    }

    /// The device that is this process's where each has one.
    pub(crate) fn local_rank(&self) -> usize {
        self.launch.local_rank
    }

    /// Connects the GPUs by NCCL, if it is built in; without it their numbers travel through the CPU.
    ///
    /// # Errors
    /// If a process does not come.
    pub(crate) fn connect(&self, device: Device) -> Result<()> {
        if let (Device::Cuda(index), true, None) = (device, cfg!(feature = "nccl"), self.nccl.get()) {
            let group = ProcessGroup::join(&self.launch, CommunicationBackend::Nccl(index), self.timeout)?;
            self.nccl.set(group).map_err(|_| anyhow!("NCCL is connected already"))?;
        }
        Ok(())
    }

    /// Rank 0's number.
    pub(crate) fn number_of_first(&self, number: i64) -> Result<i64> {
        let number = Tensor::f_from_slice(&[number])?;
        self.group.broadcast(&number, 0)?;
        Ok(number.f_int64_value(&[0])?)
    }

    /// Makes sure that `text` is the same everywhere but for what `differ` says of the two.
    ///
    /// # Errors
    /// What `differ` returns.
    pub(crate) fn compare_with_first(&self, text: &str, differ: impl FnOnce(&str) -> Result<()>) -> Result<()> {
        let first = bytes_of_first(|| Ok(text.as_bytes().to_vec()))?;
        let judged = differ(&String::from_utf8_lossy(&first));
        let wrong = sum(f64::from(judged.is_err()))?;
        judged?;
        ensure!(wrong == 0.0, "another rank was started otherwise, and says how");
        Ok(())
    }
}

fn check_command(lesson: &Lesson, matches: &ArgMatches) -> Result<()> {
    let alone = match matches.subcommand_name() {
        Some("eval") => return Ok(()),
        Some(name) => name,
        None if matches!(matches.try_get_one("explain"), Ok(Some(true))) => "--explain",
        None if lesson.defaults.batch_size.is_none() => {
            let message = format!(
                "{} trains on all of its data at once: there are no batches that several processes could share; start it \
                 without torchrun",
                lesson.name
            );
            return Err(UsageError(message).into());
        }
        None => return Ok(()),
    };
    Err(UsageError(format!("{alone} is done by one process: start it without torchrun (training and eval are shared)"))
        .into())
}
