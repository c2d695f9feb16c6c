//! Estimates the memory of a training run and refuses a run that cannot have it: libtorch would fail after minutes, or the
//! system would end the process, or another one.

use std::fs;

use anyhow::{Result, bail};

/// The memory of a training run, in f32 elements: a lower bound, which leaves out libtorch itself and temporary tensors.
///
/// Bytes = 4 × (4 × parameters + activations): a parameter has a value, a gradient and the two moments of Adam.
#[derive(Debug, Clone, Copy, Default)]
pub struct TrainingMemory {
    parameters: f64,
    activations: f64,
}

impl TrainingMemory {
    /// Adds a recurrent layer of `gates` gates (RNN 1, GRU 3, LSTM 4) over `positions` positions: steps times batch size. The
    /// backward pass needs every gate of every position.
    #[must_use]
    pub fn recurrent(self, gates: u32, sizes: [i64; 3], positions: i64) -> TrainingMemory {
        let [input, hidden, layers] = sizes.map(|size| size as f64);
        let gates = f64::from(gates);
        let parameters = gates * hidden * (input + hidden + 2.0 + (layers - 1.0) * (2.0 * hidden + 2.0));
        self.add(parameters, gates * hidden * layers * positions as f64)
    }

    /// Adds a linear map from `input` to `output` features, and the cross-entropy of its outputs, which has a second tensor of
    /// this size.
    #[must_use]
    pub fn linear(self, input: i64, output: i64, positions: i64) -> TrainingMemory {
        self.add(input as f64 * output as f64, 2.0 * output as f64 * positions as f64)
    }

    /// Adds an embedding of `count` words.
    #[must_use]
    pub fn embedding(self, count: i64, features: i64, positions: i64) -> TrainingMemory {
        self.add(count as f64 * features as f64, features as f64 * positions as f64)
    }

    fn add(self, parameters: f64, activations: f64) -> TrainingMemory {
        TrainingMemory { parameters: self.parameters + parameters, activations: self.activations + activations }
    }

    /// # Errors
    /// If it exceeds the available memory.
    pub(crate) fn check(&self, options: &str) -> Result<()> {
        let (parameters, activations) = (16.0 * self.parameters, 4.0 * self.activations);
        check_available(parameters + activations, || {
            format!(
                "the parameters with their gradients and Adam's state need {}, one batch {}; use a smaller {options}",
                gigabytes(parameters),
                gigabytes(activations)
            )
        })
    }
}

/// Checks that `bytes` bytes are available. `details` describes what needs them, and what to do.
///
/// # Errors
/// If fewer are available. If the system does not tell how many are, every number is accepted.
pub fn check_available(bytes: f64, details: impl FnOnce() -> String) -> Result<()> {
    match available() {
        Some(available) if bytes > available => bail!(
            "not enough memory: at least {} are needed, and {} are available; {}",
            gigabytes(bytes),
            gigabytes(available),
            details()
        ),
        _ => Ok(()),
    }
}

/// The bytes that this process can still have: the smallest of the machine's, the container's (cgroup) and the process's
/// (`ulimit -v`).
fn available() -> Option<f64> {
    let read = |path: &str| fs::read_to_string(path).ok();
    let meminfo = read("/proc/meminfo").unwrap_or_default();
    let machine = machine(&meminfo);
    let group = read("/proc/self/cgroup")
        .and_then(|text| text.lines().find_map(|line| line.strip_prefix("0::").map(str::to_owned)));
    let container = group.and_then(|group| {
        let file = |name: &str| read(&format!("/sys/fs/cgroup{}/{name}", group.trim_end_matches('/')));
        let swap = [file("memory.swap.max").unwrap_or_default(), file("memory.swap.current").unwrap_or_default()];
        let free_swap = number_after(&meminfo, "SwapFree:").map_or(0.0, |kib| 1024.0 * kib);
        container(&file("memory.max")?, &file("memory.current")?, &file("memory.stat")?, swap_of(&swap, free_swap))
    });
    let process = read("/proc/self/limits").zip(read("/proc/self/status"));
    let process = process.and_then(|(limits, status)| process_limit(&limits, &status));
    [machine, container, process].into_iter().flatten().reduce(f64::min)
}

/// `MemAvailable` and `SwapFree` of /proc/meminfo.
fn machine(meminfo: &str) -> Option<f64> {
    Some(1024.0 * (number_after(meminfo, "MemAvailable:")? + number_after(meminfo, "SwapFree:").unwrap_or(0.0)))
}

/// The limit of a cgroup less its memory, plus its swap. The kernel can free the page cache and a part of its own memory
/// (`slab_reclaimable`). `None` for the limit `max`.
fn container(max: &str, current: &str, stat: &str, swap: f64) -> Option<f64> {
    let freed = number_after(stat, "file ")? + number_after(stat, "slab_reclaimable ").unwrap_or(0.0);
    Some((number(max)? - number(current)? + freed + swap).max(0.0))
}

/// The swap that a cgroup can still have: its limit less what it has, or `free`, the machine's, for the limit `max`.
fn swap_of([max, current]: &[String; 2], free: f64) -> f64 {
    number(max).zip(number(current)).map_or(free, |(max, current)| (max - current).clamp(0.0, free))
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse::<f64>().ok().filter(|number| number.is_finite())
}

/// The limit of the address space less the resident memory: the allocator reserves address space that it still can use. `None`
/// for the limit `unlimited`.
fn process_limit(limits: &str, status: &str) -> Option<f64> {
    Some((number_after(limits, "Max address space")? - 1024.0 * number_after(status, "VmRSS:")?).max(0.0))
}

/// The first number of the line that starts with `start`.
fn number_after(text: &str, start: &str) -> Option<f64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(start))?;
    rest.split_whitespace().next()?.parse().ok().filter(|number: &f64| number.is_finite())
}

fn gigabytes(bytes: f64) -> String {
    format!("{:.1} GB", bytes / 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_needs_more_memory_than_there_is_is_refused_with_the_estimate() {
        let small = TrainingMemory::default().recurrent(4, [5, 10, 2], 100).linear(10, 3, 100);
        assert!(small.check("--hidden-size").is_ok());
        let large = small.recurrent(1, [1, 1_000_000, 1000], 1);
        let message = large.check("--hidden-size").unwrap_err().to_string();
        assert!(message.starts_with("not enough memory: at least 3198"), "{message}");
        assert!(message.ends_with("one batch 4.0 GB; use a smaller --hidden-size"), "{message}");
    }

    #[test]
    fn the_parameters_are_counted_as_in_torch() {
        // sum(p.numel() for p in torch.nn.LSTM(5, 10, 2).parameters()) == 1560
        let lstm = TrainingMemory::default().recurrent(4, [5, 10, 2], 7);
        assert_eq!((lstm.parameters, lstm.activations), (1560.0, 560.0));
    }

    #[test]
    fn the_available_memory_comes_from_the_machine_the_container_and_the_process() {
        let meminfo = "MemTotal: 9 kB\nMemAvailable:       3 kB\nSwapFree:  1 kB\n";
        assert_eq!((machine(meminfo), machine("MemTotal: 9 kB")), (Some(4096.0), None));
        let stat = "anon 5\nfile 20\nslab_reclaimable 3\n";
        assert_eq!((container("100\n", "70\n", stat, 4.0), container("max\n", "70\n", stat, 0.0)), (Some(57.0), None));
        let swap = |max: &str| swap_of(&[max.to_owned(), "1".to_owned()], 9.0);
        assert_eq!((swap("5\n"), swap("max\n"), swap("")), (4.0, 9.0, 9.0));
        let limits = |soft| format!("Limit  Soft Limit\nMax address space         {soft}           unlimited  bytes\n");
        assert_eq!(process_limit(&limits("4096"), "VmRSS:\t  1 kB\n"), Some(3072.0));
        assert_eq!(process_limit(&limits("unlimited"), "VmRSS:\t  1 kB\n"), None);
        assert!(!cfg!(target_os = "linux") || available().is_some_and(|bytes| bytes > 0.0));
    }
}
