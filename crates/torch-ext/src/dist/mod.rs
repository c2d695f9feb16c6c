//! Processes that compute together: `torch.distributed` without Python.
//!
//! `torchrun --no-python --nproc-per-node=2 PROGRAM` starts a program twice and tells each process by environment variables
//! which one it is ([`Launch`]). They meet at a store, which torchrun holds, and connect to each other ([`ProcessGroup`]): by
//! gloo where tensors are on the CPU, by NCCL (feature `nccl`) on GPUs. The code that moves the bytes is libtorch's own, c10d,
//! so that the bits are those of a Python program.
//!
//! ```no_run
//! use std::time::Duration;
//! use tch::{Kind, Tensor};
//! use torch_ext::dist::{CommunicationBackend, Launch, ProcessGroup};
//!
//! # fn main() -> torch_ext::Result<()> {
//! let launch = Launch::from_env()?.expect("start me with torchrun");
//! let group = ProcessGroup::join(&launch, CommunicationBackend::Gloo, Duration::from_secs(60))?;
//! let ones = Tensor::ones([3], tch::kind::FLOAT_CPU);
//! group.all_reduce_sum(&ones)?;
//! assert_eq!(ones.sum(Kind::Float).double_value(&[]), 3.0 * group.world() as f64);
//! # Ok(()) }
//! ```
//!
//! # Rules
//! The operations are collective: every process calls the same ones in the same order, with tensors of the same shape and
//! kind. An operation that another process does not join fails when the timeout is over; one that has lost a process fails
//! at once, because the connection breaks. After an error the group is of no more use: leave it, and start anew (torchrun
//! does, with `--max-restarts`).
//!
//! # Trust
//! As in PyTorch, whoever reaches the ports of the store or of a process can read and change what is computed: there is
//! neither encryption nor a password. A group whose processes are all on one machine listens on its loopback interface alone,
//! others on the one that leads to `MASTER_ADDR`. torchrun's own store is torchrun's business: it listens on all interfaces.

mod address;
mod launch;
mod member;
mod work;

use std::ffi::{CString, c_char};
use std::fmt;
use std::net::IpAddr;
use std::os::fd::IntoRawFd;
use std::ptr::{null, null_mut};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tch::Tensor;

pub use launch::Launch;
pub use work::Work;

use crate::error::{Error, Result};
use crate::ffi;
use member::Member;

/// What moves the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommunicationBackend {
    /// TCP between CPU tensors.
    Gloo,
    /// NVIDIA's library between tensors on GPUs; the number is that of this process's device. Needs the feature `nccl`, and
    /// a group of gloo's that is there already: that one has the store.
    Nccl(usize),
}

/// The processes that torchrun started, connected with each other.
#[derive(Debug)]
pub struct ProcessGroup {
    raw: *mut ffi::Group,
    me: Member,
    restarts: i64,
}

impl ProcessGroup {
    /// Meets the other processes; returns when all are there. `timeout` is for every operation: here for finding the store,
    /// and then for finding the others.
    ///
    /// # Errors
    /// If the store cannot be reached, a process does not come within `timeout`, or `backend` is not built in.
    pub fn join(launch: &Launch, backend: CommunicationBackend, timeout: Duration) -> Result<ProcessGroup> {
        let me = Member { rank: launch.rank, world: launch.world, timeout, addresses: Vec::new() };
        let own = address::own(launch)?;
        let (listener, left) = if launch.hosts_store() && backend == CommunicationBackend::Gloo {
            (Some(address::listen(launch)?), timeout)
        } else {
            (None, address::wait_for_store(launch, timeout)?)
        };
        let text = |text: String| CString::new(text).map_err(|_| Error::Dist("a name with a zero in it".to_owned()));
        let (host, address) = (text(launch.master_addr.clone())?, text(own.to_string())?);
        let interface = launch.interface.clone().map(text).transpose()?;
        let (rank, world) = (launch.rank as i32, launch.world as i32);
        let (port, listen_fd) = (launch.master_port, listener.map_or(-1, IntoRawFd::into_raw_fd));
        let joined = within(timeout, move || {
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
            // SAFETY: the strings outlive the call, and the listener's descriptor is the store's from here on; on success `raw`
            // is a new group that only we know.
            unsafe { ffi::check(ffi::te_dist_join(&raw const join, &raw mut joined.raw, &raw mut joined.attempt)) }?;
            Ok(joined)
        });
        let Joined { raw, attempt } = joined.map_err(|error| {
            let store = format!("store {}:{}", launch.master_addr, launch.master_port);
            me.error(&format!("joining the group ({store}, own address {own})"), &error)
        })?;
        let mut group = ProcessGroup { raw, me, restarts: attempt - 1 };
        if backend == CommunicationBackend::Gloo {
            group.me.addresses = group.addresses(own)?;
        }
        Ok(group)
    }

    /// The number of this process, from 0.
    pub fn rank(&self) -> usize {
        self.me.rank
    }

    /// How many processes there are.
    pub fn world(&self) -> usize {
        self.me.world
    }

    /// How often processes of this job have met at this store before. All agree on it, which torchrun's own counts
    /// ([`Launch::restarts`]) need not: each machine counts the restarts that its own processes were the reason of.
    pub fn restarts(&self) -> i64 {
        self.restarts
    }

    /// Adds up `tensor` over all processes, in place: each has the sum afterwards, with the same bits.
    ///
    /// # Errors
    /// If a process is lost or does not come within the timeout; if the tensor is of a kind or device that the backend does
    /// not know. So do the others.
    pub fn all_reduce_sum(&self, tensor: &Tensor) -> Result<()> {
        self.start_all_reduce_sum(tensor.shallow_clone())?.wait().map(drop)
    }

    /// The mean over all processes, in place. Each share is divided before it is added, as DistributedDataParallel does:
    /// the bits of `mean` are those of its gradients.
    ///
    /// # Errors
    /// As [`ProcessGroup::all_reduce_sum`]; if the tensor is not of floating point.
    pub fn all_reduce_mean(&self, tensor: &Tensor) -> Result<()> {
        self.start_all_reduce_mean(tensor.shallow_clone())?.wait().map(drop)
    }

    /// Begins [`ProcessGroup::all_reduce_sum`]; the sum is what [`Work::wait`] returns.
    ///
    /// # Errors
    /// If it cannot begin.
    pub fn start_all_reduce_sum(&self, tensor: Tensor) -> Result<Work> {
        let raw = self.raw;
        self.start("all_reduce", tensor, |tensor, work| {
            // SAFETY: group and tensor are alive; c10d shares the tensor's storage until the work is done.
            unsafe { ffi::te_dist_all_reduce_sum(raw, tensor.as_ptr(), work) }
        })
    }

    /// Begins [`ProcessGroup::all_reduce_mean`].
    ///
    /// # Errors
    /// If it cannot begin.
    pub fn start_all_reduce_mean(&self, tensor: Tensor) -> Result<Work> {
        let share = 1.0 / self.world() as f64;
        let tensor = tch::no_grad(|| tensor.shallow_clone().f_mul_scalar_(share))?;
        self.start_all_reduce_sum(tensor)
    }

    /// Gives every process the `tensor` of process `root`, in place.
    ///
    /// # Errors
    /// As [`ProcessGroup::all_reduce_sum`].
    pub fn broadcast(&self, tensor: &Tensor, root: usize) -> Result<()> {
        self.start_broadcast(tensor.shallow_clone(), root)?.wait().map(drop)
    }

    /// Begins [`ProcessGroup::broadcast`].
    ///
    /// # Errors
    /// If it cannot begin.
    pub fn start_broadcast(&self, tensor: Tensor, root: usize) -> Result<Work> {
        let raw = self.raw;
        self.start("broadcast", tensor, |tensor, work| {
            // SAFETY: as in `start_all_reduce_sum`.
            unsafe { ffi::te_dist_broadcast(raw, tensor.as_ptr(), root as i64, work) }
        })
    }

    /// The tensors of all processes, by rank; all have the shape of `tensor`.
    ///
    /// # Errors
    /// As [`ProcessGroup::all_reduce_sum`].
    pub fn all_gather(&self, tensor: &Tensor) -> Result<Vec<Tensor>> {
        let gathered = (0..self.world()).map(|_| tensor.f_empty_like()).collect::<std::result::Result<Vec<_>, _>>()?;
        let outputs: Vec<_> = gathered.iter().map(Tensor::as_ptr).collect();
        let raw = self.raw;
        let work = self.start("all_gather", tensor.f_contiguous()?, |tensor, work| {
            // SAFETY: as in `start_all_reduce_sum`; there are as many outputs as the length says.
            unsafe { ffi::te_dist_all_gather(raw, tensor.as_ptr(), outputs.as_ptr(), outputs.len(), work) }
        });
        let _input = work?.wait()?;
        Ok(gathered)
    }

    /// Waits for all processes.
    ///
    /// # Errors
    /// As [`ProcessGroup::all_reduce_sum`].
    pub fn barrier(&self) -> Result<()> {
        let raw = self.raw;
        let nothing = Tensor::new();
        // SAFETY: the group is alive.
        self.start("barrier", nothing, |_, work| unsafe { ffi::te_dist_barrier(raw, work) })?.wait().map(drop)
    }

    /// Leaves a word at the job's store. It is there for the processes of this attempt and, where torchrun holds the store,
    /// for those that a restart puts in their place.
    ///
    /// # Errors
    /// If the store cannot be reached.
    pub fn store_set(&self, key: &str) -> Result<()> {
        let name = store_key(key)?;
        // SAFETY: the group is alive, and both strings end in a zero.
        unsafe { ffi::check(ffi::te_dist_set(self.raw, name.as_ptr(), c"1".as_ptr())) }
            .map_err(|error| self.me.error("the store", &error))
    }

    /// Whether somebody has left this word.
    ///
    /// # Errors
    /// If the store cannot be reached.
    pub fn store_check(&self, key: &str) -> Result<bool> {
        let (name, mut has) = (store_key(key)?, false);
        // SAFETY: the group is alive, and the string ends in a zero.
        unsafe { ffi::check(ffi::te_dist_has(self.raw, name.as_ptr(), &raw mut has)) }
            .map_err(|error| self.me.error("the store", &error))?;
        Ok(has)
    }

    fn start(
        &self,
        what: &'static str,
        tensor: Tensor,
        start: impl FnOnce(&Tensor, *mut *mut ffi::Work) -> *mut c_char,
    ) -> Result<Work> {
        let mut work = null_mut();
        // SAFETY: the message comes from the shim; on success `work` is a work that only we know.
        match unsafe { ffi::check(start(&tensor, &raw mut work)) } {
            Ok(()) => Ok(Work::new(work, tensor, what, self.me.clone())),
            Err(error) => Err(self.me.error(what, &error)),
        }
    }

    /// Where each of the processes is.
    fn addresses(&self, own: IpAddr) -> Result<Vec<IpAddr>> {
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
        // SAFETY: the group is ours and nobody uses it again. What its end could complain of is over.
        let _ = unsafe { ffi::check(ffi::te_dist_leave(self.raw)) };
    }
}

/// A group that has just been made, on its way between threads.
struct Joined {
    raw: *mut ffi::Group,
    attempt: i64,
}

// SAFETY: c10d's groups belong to no thread, and this one is known to its owner alone.
unsafe impl Send for Joined {}

/// What `join` returns, or an error where it does not return: c10d waits without end for the answers of a store that takes connections
/// and then says nothing, as a torchrun does that was stopped (SIGSTOP). Finding the others and connecting to them may take
/// `timeout` each; a second more means that nothing comes.
fn within(timeout: Duration, join: impl FnOnce() -> Result<Joined> + Send + 'static) -> Result<Joined> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(join())); // if nobody hears of it any more, it ends with the program
    receiver.recv_timeout(timeout * 2 + Duration::from_secs(1)).unwrap_or_else(|_| {
        let what = "timed out: the store takes connections and does not answer; is torchrun, or rank 0, stopped?";
        Err(Error::Dist(what.to_owned()))
    })
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn store_key(key: &str) -> Result<CString> {
    CString::new(format!("/torch-ext/word/{key}")).map_err(|_| Error::Dist(format!("the key {key:?} has a zero in it")))
}

impl fmt::Display for CommunicationBackend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CommunicationBackend::Gloo => f.write_str("gloo"),
            CommunicationBackend::Nccl(device) => write!(f, "nccl on cuda:{device}"),
        }
    }
}
