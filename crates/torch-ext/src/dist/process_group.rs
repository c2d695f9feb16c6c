//! The process group: joining it, collective operations, the store.

use std::ffi::{CString, c_char};
use std::fmt;
use std::net::IpAddr;
use std::os::fd::IntoRawFd;
use std::ptr::{null, null_mut};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tch::Tensor;

use super::address;
use super::error_context::ErrorContext;
use super::launch::Launch;
use super::work::Work;
use crate::error::{Error, Result};
use crate::ffi;

/// The library that transfers the tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommunicationBackend {
    /// TCP, for tensors on the CPU.
    Gloo,
    /// NVIDIA's library, for tensors on GPUs; the number is this process's device. It needs the feature `nccl`, and an existing
    /// gloo group, which runs the store.
    Nccl(usize),
}

/// Equivalent of a `torch.distributed` process group: the processes that torchrun started, connected to each other.
#[derive(Debug)]
pub struct ProcessGroup {
    raw: *mut ffi::Group,
    context: ErrorContext,
    restarts: i64,
}

impl ProcessGroup {
    /// Equivalent of `torch.distributed.init_process_group`: connects to the other processes, and returns when all have joined.
    ///
    /// `timeout` applies to each operation of the group. Here it applies to connecting to the store, and again to finding the
    /// other processes.
    ///
    /// # Errors
    /// [`Error::Dist`] if the store cannot be reached, if a process does not join before the timeout, or if the program was built
    /// without the backend.
    pub fn join(launch: &Launch, backend: CommunicationBackend, timeout: Duration) -> Result<ProcessGroup> {
        let context = ErrorContext { rank: launch.rank, world: launch.world, timeout, addresses: Vec::new() };
        let own = address::own(launch)?;
        let (listener, left) = if launch.hosts_store() && backend == CommunicationBackend::Gloo {
            (Some(address::listen(launch)?), timeout)
        } else {
            (None, address::wait_for_store(launch, timeout)?)
        };
        let text = |text: String| CString::new(text).map_err(|_| Error::Dist("a name contains a zero byte".to_owned()));
        let (host, address) = (text(launch.master_addr.clone())?, text(own.to_string())?);
        let interface = launch.interface.clone().map(text).transpose()?;
        let (rank, world) = (launch.rank as i32, launch.world as i32);
        let (port, listen_fd) = (launch.master_port, listener.map_or(-1, IntoRawFd::into_raw_fd));
        let joined = with_deadline(timeout, move || {
            let join = ffi::Join {
                host: host.as_ptr(),
                port,
                listen_fd,
                name: if backend == CommunicationBackend::Gloo { c"gloo" } else { c"nccl" }.as_ptr(),
                rank,
                world,
                timeout_ms: milliseconds(timeout),
                store_timeout_ms: milliseconds(left.max(Duration::from_millis(100))),
                interface: interface.as_ref().map_or(null(), |name| name.as_ptr()),
                address: address.as_ptr(),
                cuda: match backend {
                    CommunicationBackend::Gloo => -1,
                    CommunicationBackend::Nccl(device) => device as i32,
                },
            };
            let mut joined = Joined { raw: null_mut(), attempt: 0 };
            // SAFETY: the strings outlive the call. The store takes ownership of the listener's descriptor. The shim writes `raw`
            // and `attempt`, which are valid for writes; on success `raw` is a new group, and this is its only pointer.
            unsafe { ffi::check(ffi::te_dist_join(&raw const join, &raw mut joined.raw, &raw mut joined.attempt)) }?;
            Ok(joined)
        });
        let Joined { raw, attempt } = joined.map_err(|error| {
            let store = format!("store {}:{}", launch.master_addr, launch.master_port);
            context.error(&format!("joining the group ({store}, own address {own})"), &error)
        })?;
        let mut group = ProcessGroup { raw, context, restarts: attempt - 1 };
        if backend == CommunicationBackend::Gloo {
            group.context.addresses = group.exchange_addresses(own)?;
        }
        Ok(group)
    }

    /// The rank of this process, from 0.
    pub fn rank(&self) -> usize {
        self.context.rank
    }

    /// The number of processes: `world_size`.
    pub fn world(&self) -> usize {
        self.context.world
    }

    /// How often this job has been restarted with this store. All processes have the same number.
    ///
    /// ([`Launch::restarts`] may differ: torchrun counts on each machine only the restarts after a failure there.)
    pub fn restarts(&self) -> i64 {
        self.restarts
    }

    /// Equivalent of `torch.distributed.all_reduce`: replaces `tensor` by its sum over all processes. All get the same bits.
    ///
    /// # Errors
    /// [`Error::Dist`] if a process has ended or does not take part before the timeout, or if the backend does not support the
    /// tensor's kind or device. The other operations have the same errors.
    pub fn all_reduce_sum(&self, tensor: &Tensor) -> Result<()> {
        self.start_all_reduce_sum(tensor.shallow_clone())?.wait().map(drop)
    }

    /// Replaces `tensor` by its mean over all processes. As in DistributedDataParallel, each process divides before the sum, so the
    /// bits equal those of its gradients.
    ///
    /// # Errors
    /// As [`ProcessGroup::all_reduce_sum`]; also for a tensor that is not floating point.
    pub fn all_reduce_mean(&self, tensor: &Tensor) -> Result<()> {
        self.start_all_reduce_mean(tensor.shallow_clone())?.wait().map(drop)
    }

    /// Starts [`ProcessGroup::all_reduce_sum`] in the background. [`Work::wait`] returns the sum.
    pub fn start_all_reduce_sum(&self, tensor: Tensor) -> Result<Work> {
        let raw = self.raw;
        self.start("all_reduce", tensor, |tensor, work| {
            // SAFETY: `self` owns the group. `tensor` outlives the call, and c10d keeps a handle of its own until the work is
            // done. `work` is valid for writes.
            unsafe { ffi::te_dist_all_reduce_sum(raw, tensor.as_ptr(), work) }
        })
    }

    /// Starts [`ProcessGroup::all_reduce_mean`] in the background. [`Work::wait`] returns the mean.
    pub fn start_all_reduce_mean(&self, tensor: Tensor) -> Result<Work> {
        let factor = 1.0 / self.world() as f64;
        let tensor = tch::no_grad(|| tensor.shallow_clone().f_mul_scalar_(factor))?;
        self.start_all_reduce_sum(tensor)
    }

    /// Equivalent of `torch.distributed.broadcast`: replaces `tensor` by that of process `root`.
    pub fn broadcast(&self, tensor: &Tensor, root: usize) -> Result<()> {
        self.start_broadcast(tensor.shallow_clone(), root)?.wait().map(drop)
    }

    /// Starts [`ProcessGroup::broadcast`] in the background.
    pub fn start_broadcast(&self, tensor: Tensor, root: usize) -> Result<Work> {
        let raw = self.raw;
        self.start("broadcast", tensor, |tensor, work| {
            // SAFETY: as in `start_all_reduce_sum`.
            unsafe { ffi::te_dist_broadcast(raw, tensor.as_ptr(), root as i64, work) }
        })
    }

    /// Equivalent of `torch.distributed.all_gather`: the tensors of all processes, in the order of ranks. All have one shape.
    pub fn all_gather(&self, tensor: &Tensor) -> Result<Vec<Tensor>> {
        let gathered = (0..self.world()).map(|_| tensor.f_empty_like()).collect::<std::result::Result<Vec<_>, _>>()?;
        let outputs: Vec<_> = gathered.iter().map(Tensor::as_ptr).collect();
        let raw = self.raw;
        let work = self.start("all_gather", tensor.f_contiguous()?, |tensor, work| {
            // SAFETY: as in `start_all_reduce_sum`. `outputs` are the pointers of the tensors in `gathered`, `outputs.len()` in number.
            unsafe { ffi::te_dist_all_gather(raw, tensor.as_ptr(), outputs.as_ptr(), outputs.len(), work) }
        });
        let _input = work?.wait()?;
        Ok(gathered)
    }

    /// Equivalent of `torch.distributed.barrier`: waits until all processes have called it.
    pub fn barrier(&self) -> Result<()> {
        let raw = self.raw;
        // SAFETY: `self` owns the group, and `work` is valid for writes.
        self.start("barrier", Tensor::new(), |_, work| unsafe { ffi::te_dist_barrier(raw, work) })?.wait().map(drop)
    }

    /// Equivalent of `store.set(key, "1")`. If torchrun runs the store, the key survives a restart of the processes.
    ///
    /// # Errors
    /// [`Error::Dist`] if the store cannot be reached.
    pub fn store_set(&self, key: &str) -> Result<()> {
        let name = store_key(key)?;
        // SAFETY: `self` owns the group. Both strings end in a zero and outlive the call.
        unsafe { ffi::check(ffi::te_dist_store_set(self.raw, name.as_ptr(), c"1".as_ptr())) }
            .map_err(|error| self.context.error("the store", &error))
    }

    /// Equivalent of `store.check([key])`: whether a process has set the key.
    ///
    /// # Errors
    /// [`Error::Dist`] if the store cannot be reached.
    pub fn store_check(&self, key: &str) -> Result<bool> {
        let (name, mut exists) = (store_key(key)?, false);
        // SAFETY: `self` owns the group. The string ends in a zero and outlives the call. `exists` is valid for writes.
        unsafe { ffi::check(ffi::te_dist_store_check(self.raw, name.as_ptr(), &raw mut exists)) }
            .map_err(|error| self.context.error("the store", &error))?;
        Ok(exists)
    }

    fn start(
        &self,
        operation: &'static str,
        tensor: Tensor,
        start: impl FnOnce(&Tensor, *mut *mut ffi::Work) -> *mut c_char,
    ) -> Result<Work> {
        let mut work = null_mut();
        // SAFETY: the message comes from the shim. On success `work` is a new work, and this is its only pointer.
        match unsafe { ffi::check(start(&tensor, &raw mut work)) } {
            Ok(()) => Ok(Work::new(work, tensor, operation, self.context.clone())),
            Err(error) => Err(self.context.error(operation, &error)),
        }
    }

    /// The address of each process.
    fn exchange_addresses(&self, own: IpAddr) -> Result<Vec<IpAddr>> {
        let bits = match own {
            IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
            IpAddr::V6(address) => address.to_bits(),
        };
        let halves = Tensor::from_slice(&[(bits >> 64) as i64, bits as i64]);
        let address = |halves: &Tensor| -> Result<IpAddr> {
            let [high, low] = [halves.f_int64_value(&[0])?, halves.f_int64_value(&[1])?].map(|half| half as u64);
            let address = std::net::Ipv6Addr::from_bits(u128::from(high) << 64 | u128::from(low));
            Ok(address.to_canonical())
        };
        self.all_gather(&halves)?.iter().map(address).collect()
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        // SAFETY: `self` owns the group, and this is its last use. An error does not matter any more.
        let _ = unsafe { ffi::check(ffi::te_dist_leave(self.raw)) };
    }
}

/// A new group, passed from the thread that joined it.
struct Joined {
    raw: *mut ffi::Group,
    attempt: i64,
}

// SAFETY: c10d's groups may be used on any thread, and this is the only pointer to the group.
unsafe impl Send for Joined {}

/// Calls `join`, with an error if it does not return.
///
/// c10d waits forever for a store that accepts connections and does not answer, such as that of a stopped torchrun (SIGSTOP).
/// Finding the other processes and connecting to them may take `timeout` each. One second more means that no answer comes.
fn with_deadline(timeout: Duration, join: impl FnOnce() -> Result<Joined> + Send + 'static) -> Result<Joined> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(join())); // after the deadline it only ends with the program
    receiver.recv_timeout(timeout.saturating_mul(2).saturating_add(Duration::from_secs(1))).unwrap_or_else(|_| {
        let what = "timed out: the store accepts connections and does not answer; is torchrun, or rank 0, stopped?";
        Err(Error::Dist(what.to_owned()))
    })
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn store_key(key: &str) -> Result<CString> {
    CString::new(format!("/torch-ext/key/{key}"))
        .map_err(|_| Error::Dist(format!("the key {key:?} contains a zero byte")))
}

impl fmt::Display for CommunicationBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CommunicationBackend::Gloo => f.write_str("gloo"),
            CommunicationBackend::Nccl(device) => write!(f, "nccl on cuda:{device}"),
        }
    }
}
