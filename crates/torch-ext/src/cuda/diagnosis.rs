//! The steps from the driver to cuDNN, and the remedy for each failure.

use std::fmt;

/// What the steps need from the machine. In the tests a fake machine implements it.
pub(super) trait Machine {
    /// The operating system: `linux`.
    fn os(&self) -> &'static str;
    /// Loads the driver's library.
    fn load_driver(&self) -> Result<(), String>;
    /// `cuInit`, then `cuDriverGetVersion`: 13000 for CUDA 13.0.
    fn driver_version(&self) -> Result<i32, DriverError>;
    /// Loads libtorch's CUDA part, and returns the file name.
    fn load_torch(&self) -> Result<String, String>;
    /// `cudaRuntimeGetVersion`: the CUDA version that libtorch was built with.
    fn runtime_version(&self) -> Option<i32>;
    /// The devices that the driver finds.
    fn devices(&self) -> Result<Vec<Gpu>, DriverError>;
    /// The number of devices that libtorch finds.
    fn torch_devices(&self) -> Result<usize, String>;
    /// `cudnnGetVersion`: 91900 for 9.19.0. `None` if libtorch has no cuDNN.
    fn cudnn_version(&self) -> Option<usize>;
    /// The environment variable `CUDA_VISIBLE_DEVICES`.
    fn visible_devices(&self) -> Option<String>;
}

/// A status of the driver other than success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DriverError {
    /// `CUresult`.
    pub(super) code: i32,
    /// The driver's text for it.
    pub(super) text: String,
}

/// `CUDA_ERROR_STUB_LIBRARY` of cuda.h: the library is the toolkit's stub for linking.
const STUB_LIBRARY: i32 = 34;
/// `CUDA_ERROR_NO_DEVICE`.
const NO_DEVICE: i32 = 100;
/// `CUDA_ERROR_SYSTEM_NOT_READY`: the fabric manager, which connects the GPUs of a large machine, does not run.
const SYSTEM_NOT_READY: i32 = 802;
/// `CUDA_ERROR_SYSTEM_DRIVER_MISMATCH`: the library and the kernel module have different versions.
const DRIVER_MISMATCH: i32 = 803;
/// `CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE`: the library is of a newer driver, which only data centre GPUs support.
const COMPAT_NOT_SUPPORTED: i32 = 804;

/// A CUDA device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gpu {
    /// `NVIDIA H100 80GB HBM3`.
    pub name: String,
    /// Memory in bytes.
    pub memory: u64,
}

impl fmt::Display for Gpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {:.1} GiB", self.name, self.memory as f64 / f64::from(1u32 << 30))
    }
}

/// A successful step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What was checked: `NVIDIA driver`.
    pub name: &'static str,
    /// What was found.
    pub found: String,
}

/// The step that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What was checked.
    pub step: &'static str,
    /// What is wrong: `no NVIDIA driver`.
    pub problem: String,
    /// The message of the system or the driver.
    pub reason: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}); {}", self.problem, self.reason, self.remedy)
    }
}

/// The result of each step, up to the first that failed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Diagnosis {
    steps: Vec<Step>,
    devices: Vec<Gpu>,
    failure: Option<Failure>,
}

const DRIVER: &str = "NVIDIA driver";
const VERSION: &str = "driver version";
const TORCH: &str = "libtorch_cuda";
const DEVICES: &str = "devices";
const CUDNN: &str = "cuDNN";

/// The end of every remedy.
const OR_CPU: &str = "or use --device cpu";

impl Diagnosis {
    /// Runs the steps in order, up to the first that fails.
    pub(super) fn of(machine: &impl Machine) -> Diagnosis {
        let mut diagnosis = Diagnosis::default();
        diagnosis.failure = diagnosis.run(machine).err();
        diagnosis
    }

    /// The successful steps, in order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The devices; none if a step failed.
    pub fn devices(&self) -> &[Gpu] {
        if self.failure.is_none() { &self.devices } else { &[] }
    }

    /// The step that failed, if one did.
    pub fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    fn run(&mut self, machine: &impl Machine) -> Result<(), Failure> {
        let os = machine.os();
        if os != "linux" {
            let remedy = "use --device cpu".to_owned();
            let reason = "this workspace supports CUDA on Linux only".to_owned();
            return Err(Failure { step: DRIVER, problem: format!("no CUDA on {os}"), reason, remedy });
        }
        // The driver first: loading it takes 1 ms, loading libtorch_cuda 150 ms.
        machine.load_driver().map_err(|reason| {
            let remedy = "install the NVIDIA driver, and in a container start it with the GPUs (docker run --gpus all)";
            failure(DRIVER, "no NVIDIA driver", reason, remedy)
        })?;
        self.found(DRIVER, "libcuda.so.1");
        let driver = machine.driver_version().map_err(|error| driver_failure(VERSION, &error, machine))?;
        self.found(VERSION, format!("for CUDA {} and older", version(driver)));

        let library = machine.load_torch().map_err(|reason| {
            let remedy = "`scripts/setup.sh --full` installs it with everything it needs";
            failure(TORCH, "the NVIDIA driver is there, but libtorch's CUDA part is not", reason, remedy)
        })?;
        let runtime = machine.runtime_version();
        self.found(TORCH, runtime.map_or_else(|| library.clone(), |it| format!("{library}, CUDA {}", version(it))));
        // A driver supports every CUDA version with its own major number (CUDA's "minor version compatibility").
        if let Some(runtime) = runtime.filter(|runtime| runtime / 1000 > driver / 1000) {
            let reason = format!("it supports CUDA {}, and libtorch has CUDA {}", version(driver), version(runtime));
            let remedy = format!("install a driver for CUDA {}.0 or newer", runtime / 1000);
            return Err(failure(TORCH, "the NVIDIA driver is too old for this libtorch", reason, &remedy));
        }

        self.devices = machine.devices().map_err(|error| driver_failure(DEVICES, &error, machine))?;
        if self.devices.is_empty() {
            return Err(no_device(DEVICES, "the driver has none".to_owned(), machine));
        }
        match machine.torch_devices() {
            Ok(count) if count == self.devices.len() => {}
            seen => {
                let seen = seen.map_or_else(|error| error, |count| format!("{count} of {}", self.devices.len()));
                let remedy = "load CUDA before anything seeds a generator, runs a backward pass or checks for CUDA \
                           (torch_ext::cuda::load first in main)";
                return Err(failure(DEVICES, "the driver has CUDA devices that libtorch does not find", seen, remedy));
            }
        }
        let named = self.devices.iter().enumerate().map(|(index, gpu)| format!("cuda:{index} {gpu}"));
        self.found(DEVICES, named.collect::<Vec<_>>().join("; "));

        let cudnn = machine.cudnn_version().ok_or_else(|| {
            let reason = "without it recurrent layers would be slow".to_owned();
            let remedy = "`scripts/setup.sh --full` installs it, or unset LD_LIBRARY_PATH if it names another one";
            failure(CUDNN, "libtorch has no cuDNN", reason, remedy)
        })?;
        self.found(CUDNN, cudnn_version(cudnn));
        Ok(())
    }

    fn found(&mut self, name: &'static str, found: impl Into<String>) {
        self.steps.push(Step { name, found: found.into() });
    }
}

fn failure(step: &'static str, problem: &str, reason: String, remedy: &str) -> Failure {
    Failure { step, problem: problem.to_owned(), reason, remedy: format!("{remedy}, {OR_CPU}") }
}

/// The failure for an error of the driver.
fn driver_failure(step: &'static str, error: &DriverError, machine: &impl Machine) -> Failure {
    let reason = format!("{}, error {}", error.text, error.code);
    match error.code {
        NO_DEVICE => no_device(step, reason, machine),
        DRIVER_MISMATCH => {
            let remedy = "restart the machine after an update of the driver; in a container, remove the container's own libcuda.so.1";
            failure(step, "the NVIDIA driver's library and kernel module have different versions", reason, remedy)
        }
        STUB_LIBRARY => {
            let remedy = "remove the CUDA toolkit's folder `stubs` from LD_LIBRARY_PATH";
            failure(step, "this libcuda.so.1 is a stub for linking", reason, remedy)
        }
        SYSTEM_NOT_READY => {
            let remedy = "start the fabric manager (sudo systemctl start nvidia-fabricmanager)";
            failure(step, "the NVIDIA driver is not ready", reason, remedy)
        }
        COMPAT_NOT_SUPPORTED => {
            let remedy = "remove CUDA's folder `compat` from LD_LIBRARY_PATH, or install a newer driver";
            failure(step, "this GPU does not support the libcuda.so.1 of a newer driver", reason, remedy)
        }
        _ => failure(step, "the NVIDIA driver does not start", reason, "check with `nvidia-smi`"),
    }
}

fn no_device(step: &'static str, reason: String, machine: &impl Machine) -> Failure {
    let remedy = match machine.visible_devices() {
        Some(visible) if visible.is_empty() => "CUDA_VISIBLE_DEVICES is \"\": unset it".to_owned(),
        Some(visible) => format!("CUDA_VISIBLE_DEVICES is \"{visible}\": unset it, and {CHECK_DEVICES}"),
        None => CHECK_DEVICES.to_owned(),
    };
    failure(step, "no CUDA device", reason, &remedy)
}

const CHECK_DEVICES: &str =
    "check what `nvidia-smi` lists; in a container, start it with the GPUs (docker run --gpus all)";

/// 13020 is CUDA 13.2.
fn version(number: i32) -> String {
    format!("{}.{}", number / 1000, number % 1000 / 10)
}

/// 91900 is cuDNN 9.19.0; before cuDNN 9, 8907 is 8.9.7.
fn cudnn_version(number: usize) -> String {
    let major = if number < 10_000 { 1000 } else { 10_000 };
    format!("{}.{}.{}", number / major, number % major / 100, number % 100)
}

/// One line for each step. The failed one is the last, followed by the remedy.
impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.steps.iter().map(|step| format!("{:<15} {}", step.name, step.found));
        let failed = self.failure.iter().flat_map(|failure| {
            let what = format!("{:<15} {}: {}", failure.step, failure.problem, failure.reason);
            [what, format!("{:<15} {}", "what to do", failure.remedy)]
        });
        f.write_str(&lines.chain(failed).collect::<Vec<_>>().join("\n"))
    }
}

#[cfg(test)]
mod tests;
