//! The processes that torchrun started for one run ("workers"): the work of rank 0, and collective operations.
//!
//! Only rank 0 prints and writes into the run folder. It broadcasts the values that must be equal on all workers.
//! Without torchrun there is one worker: every function returns its argument at no cost.

mod training;

use std::cell::OnceCell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::ArgMatches;
use tch::{Device, Kind, Tensor};
use torch_ext::dist::{CommunicationBackend, Launch, ProcessGroup};

use crate::args::DeviceChoice;
use crate::exit::UsageError;
use crate::file_names::CHECKPOINT;
use crate::{Lesson, RunArgs};

/// Key in the store of the process group: rank 0 has started to write into the run folder.
const FOLDER_CLAIMED: &str = "run folder claimed";

/// Handle of the worker group. Clones share the group.
#[derive(Debug, Clone, Default)]
pub struct WorkerGroup(Option<Rc<Workers>>);

#[derive(Debug)]
struct Workers {
    launch: Launch,
    timeout: Duration,
    group: ProcessGroup,
    /// For tensors on a GPU, if NCCL is compiled in.
    nccl: OnceCell<ProcessGroup>,
}

impl WorkerGroup {
    /// Joins the group if torchrun started this process, else returns a group of one.
    pub(crate) fn join(lesson: &Lesson, matches: &ArgMatches) -> Result<WorkerGroup> {
        let Some(launch) = Launch::from_env()? else { return Ok(WorkerGroup(None)) };
        check_command(lesson, matches)?;
        let seconds = matches.try_get_one::<u64>("dist_timeout").ok().flatten().copied().unwrap_or(60);
        if !matches!(matches.try_get_one("device"), Ok(Some(DeviceChoice::Cpu))) {
            let _ = torch_ext::cuda::load(); // must come before the group; a failure is reported when the device is chosen
        }
        let timeout = Duration::from_secs(seconds);
        let group = ProcessGroup::join(&launch, CommunicationBackend::Gloo, timeout)?;
        Ok(WorkerGroup(Some(Rc::new(Workers { launch, timeout, group, nccl: OnceCell::new() }))))
    }

    /// Whether torchrun started the program, with one process or several.
    pub fn is_distributed(&self) -> bool {
        self.0.is_some()
    }

    /// This worker's number, from 0.
    pub fn rank(&self) -> usize {
        self.0.as_ref().map_or(0, |workers| workers.launch.rank)
    }

    /// How many workers there are.
    pub fn world_size(&self) -> usize {
        self.0.as_ref().map_or(1, |workers| workers.launch.world)
    }

    /// Whether this worker is rank 0, which writes and prints.
    pub fn is_rank_zero(&self) -> bool {
        self.rank() == 0
    }

    /// `rank 1 of 2`; `None` without torchrun.
    pub(crate) fn name(&self) -> Option<String> {
        self.0.as_ref().map(|_| format!("rank {} of {}", self.rank(), self.world_size()))
    }

    /// The index of this worker's GPU, if each worker has its own.
    pub(crate) fn local_rank(&self) -> usize {
        self.0.as_ref().map_or(0, |workers| workers.launch.local_rank)
    }

    /// How often torchrun has restarted the workers (`--max-restarts`).
    pub(crate) fn restarts(&self) -> i64 {
        self.0.as_ref().map_or(0, |workers| workers.group.restarts())
    }

    /// Runs `work` on rank 0 only. The other ranks wait for it and return `None`.
    ///
    /// # Errors
    /// Rank 0's error; the other ranks get an error that refers to it.
    pub fn rank_zero_only<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<Option<T>> {
        if !self.is_distributed() {
            return work().map(Some);
        }
        let done = if self.is_rank_zero() { Some(work()) } else { None };
        let failed = matches!(done, Some(Err(_)));
        if self.broadcast_number(i64::from(failed))? != 0 && !failed {
            bail!("rank 0 has failed; see its message");
        }
        done.transpose()
    }

    /// Broadcasts rank 0's `number`.
    pub(crate) fn broadcast_number(&self, number: i64) -> Result<i64> {
        let Some(workers) = &self.0 else { return Ok(number) };
        let number = Tensor::f_from_slice(&[number])?;
        workers.group.broadcast(&number, 0)?;
        Ok(number.f_int64_value(&[0])?)
    }

    /// Broadcasts the bytes that `make` returns on rank 0.
    pub(crate) fn broadcast_bytes(&self, make: impl FnOnce() -> Result<Vec<u8>>) -> Result<Vec<u8>> {
        let made = self.rank_zero_only(make)?;
        let Some(workers) = &self.0 else { return Ok(made.unwrap_or_default()) };
        let length = self.broadcast_number(made.as_ref().map_or(0, Vec::len) as i64)?;
        let bytes = match &made {
            Some(bytes) => Tensor::f_from_slice(bytes)?,
            None => Tensor::f_zeros([length], (Kind::Uint8, Device::Cpu))?,
        };
        if length > 0 {
            workers.group.broadcast(&bytes, 0)?;
        }
        made.map_or_else(|| Ok(Vec::try_from(&bytes)?), Ok)
    }

    /// This worker's shard of `tensor`: `tensor.tensor_split(world_size, dim)[rank]`.
    pub fn shard(&self, tensor: &Tensor, dim: i64) -> Result<Tensor> {
        if !self.is_distributed() {
            return Ok(tensor.shallow_clone());
        }
        let shards = tensor.f_tensor_split(self.world_size() as i64, dim)?;
        Ok(shards.into_iter().nth(self.rank()).context("no shard")?.f_contiguous()?)
    }

    /// [`WorkerGroup::shard`] of the columns of a batch; all shards have the same size.
    ///
    /// # Errors
    /// [`UsageError`] if the columns cannot be divided equally.
    pub fn shard_columns(&self, tensor: &Tensor, dim: i64) -> Result<Tensor> {
        self.check_batch_size(tensor.size().get(usize::try_from(dim)?).copied().context("no such dimension")?)?;
        self.shard(tensor, dim)
    }

    /// This worker's range of `count` batches: a contiguous share, lower ranks first.
    pub fn shard_range(&self, count: usize) -> std::ops::Range<usize> {
        let (rank, world_size) = (self.rank(), self.world_size());
        rank * count / world_size..(rank + 1) * count / world_size
    }

    /// Checks that a batch of `size` can be divided equally.
    pub(crate) fn check_batch_size(&self, size: i64) -> Result<()> {
        let world_size = self.world_size();
        if size % world_size as i64 != 0 {
            let message = format!(
                "--batch-size {size} cannot be divided equally among {world_size} processes; use a multiple of {world_size}"
            );
            return Err(UsageError(message).into());
        }
        Ok(())
    }

    /// The sum over all workers.
    ///
    /// # Errors
    /// If a worker has ended, or does not respond within `--dist-timeout`.
    pub fn all_reduce_sum(&self, number: f64) -> Result<f64> {
        let Some(workers) = &self.0 else { return Ok(number) };
        let number = Tensor::f_from_slice(&[number])?;
        workers.group.all_reduce_sum(&number)?;
        Ok(number.f_double_value(&[0])?)
    }

    /// The mean over all workers, weighted by each worker's `weight`.
    ///
    /// # Errors
    /// If a worker has ended, or does not respond within `--dist-timeout`.
    pub fn weighted_mean(&self, mean: f64, weight: f64) -> Result<f64> {
        if !self.is_distributed() {
            return Ok(mean);
        }
        Ok(self.all_reduce_sum(if weight > 0.0 { weight * mean } else { 0.0 })? / self.all_reduce_sum(weight)?)
    }

    /// The lists of all workers, concatenated by rank.
    ///
    /// # Errors
    /// If a worker has ended, or does not respond within `--dist-timeout`.
    pub fn all_gather(&self, list: Vec<i64>) -> Result<Vec<i64>> {
        let Some(workers) = &self.0 else { return Ok(list) };
        let lengths = workers.group.all_gather(&Tensor::f_from_slice(&[list.len() as i64])?)?;
        let lengths = lengths.iter().map(|length| length.f_int64_value(&[0])).collect::<Result<Vec<_>, _>>()?;
        let mut padded = list;
        padded.resize(lengths.iter().copied().max().unwrap_or(0) as usize, 0);
        let gathered = workers.group.all_gather(&Tensor::f_from_slice(&padded)?)?;
        let parts = gathered.iter().zip(&lengths).map(|(part, &length)| part.f_narrow(0, 0, length));
        Ok(Vec::try_from(Tensor::f_cat(&parts.collect::<Result<Vec<_>, _>>()?, 0)?)?)
    }

    /// Connects the GPUs with NCCL, if it is compiled in. Otherwise their tensors are copied through the CPU.
    pub(crate) fn connect_gpus(&self, device: Device) -> Result<()> {
        let Some(workers) = &self.0 else { return Ok(()) };
        if let (Device::Cuda(index), true, None) = (device, cfg!(feature = "nccl"), workers.nccl.get()) {
            let group = ProcessGroup::join(&workers.launch, CommunicationBackend::Nccl(index), workers.timeout)?;
            workers.nccl.set(group).map_err(|_| anyhow!("NCCL is connected already"))?;
        }
        Ok(())
    }

    /// Checks that all workers have the same `text`, except for differences that `compare(rank 0's text)` accepts.
    pub(crate) fn compare_with_rank_zero(&self, text: &str, compare: impl FnOnce(&str) -> Result<()>) -> Result<()> {
        if !self.is_distributed() {
            return Ok(());
        }
        let first = self.broadcast_bytes(|| Ok(text.as_bytes().to_vec()))?;
        let compared = compare(&String::from_utf8_lossy(&first));
        let different = self.all_reduce_sum(f64::from(compared.is_err()))?;
        compared?;
        ensure!(different == 0.0, "another rank has different options or data; see its message");
        Ok(())
    }

    /// Records in the group's store that rank 0 writes into the run folder: a restart then continues this run.
    pub(crate) fn mark_folder_claimed(&self) -> Result<()> {
        self.0.as_ref().map_or(Ok(()), |workers| Ok(workers.group.store_set(FOLDER_CLAIMED)?))
    }

    /// After a restart by torchrun: sets `--resume` or `--overwrite` if the run of the previous attempt had started to write.
    /// A run that was in the folder before this job is never resumed automatically.
    pub(crate) fn continue_after_restart(&self, args: &mut RunArgs) -> Result<()> {
        let Some(workers) = self.0.as_ref().filter(|workers| workers.group.restarts() > 0) else { return Ok(()) };
        let claimed = workers.group.store_check(FOLDER_CLAIMED)?;
        let saved = args.out.join(CHECKPOINT).exists();
        let resume = self.broadcast_number(i64::from(saved))? != 0;
        if self.broadcast_number(i64::from(claimed))? != 0 {
            (args.resume, args.overwrite) = (resume, !resume);
        }
        Ok(())
    }
}

fn check_command(lesson: &Lesson, matches: &ArgMatches) -> Result<()> {
    let command = match matches.subcommand_name() {
        Some("eval") => return Ok(()),
        Some(name) => name,
        None if matches!(matches.try_get_one("explain"), Ok(Some(true))) => "--explain",
        None if lesson.defaults.batch_size.is_none() => {
            let message = format!(
                "{} trains on all of its data at once, so there are no batches to divide among processes; start it without \
                 torchrun",
                lesson.name
            );
            return Err(UsageError(message).into());
        }
        None => return Ok(()),
    };
    let message =
        format!("{command} runs in one process only: start it without torchrun (training and eval can run in several)");
    Err(UsageError(message).into())
}
