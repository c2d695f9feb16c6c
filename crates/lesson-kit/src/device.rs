//! Chooses the device for `--device`, before any other call of libtorch.

use std::env;

use anyhow::{Result, bail};
use tch::Device;
use torch_ext::cuda;

use crate::args::DeviceChoice;

/// A device, and why it was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceSelection {
    /// The device to compute on.
    pub device: Device,
    /// One line for the user: `device: cpu (auto: no NVIDIA driver)`.
    pub line: String,
}

/// Why CUDA is not available.
#[derive(Debug, Clone)]
struct CudaUnavailable {
    /// The problem in a few words.
    problem: String,
    /// All steps, with the remedy.
    diagnosis: String,
}

/// Selects the device for `choice`, and loads CUDA if necessary.
///
/// Call it before any random number is drawn: libtorch checks only once whether CUDA is available.
///
/// # Errors
/// If CUDA was requested and is not available; the message is the diagnosis.
pub fn choose(choice: DeviceChoice) -> Result<DeviceSelection> {
    let devices = || {
        let diagnosis = cuda::diagnose();
        match diagnosis.failure() {
            None => Ok(diagnosis.devices().iter().map(ToString::to_string).collect()),
            Some(failure) => {
                Err(CudaUnavailable { problem: failure.problem.clone(), diagnosis: diagnosis.to_string() })
            }
        }
    };
    let chosen = choose_among(choice, devices, |index| cuda::try_device(index).map_err(|error| error.to_string()))?;
    // NVIDIA's libraries read this variable themselves, but not all of them apply it to recurrent layers. So libtorch's own
    // setting is changed too.
    if chosen.device.is_cuda() && env::var_os("NVIDIA_TF32_OVERRIDE").is_some_and(|value| value == "0") {
        cuda::allow_tf32(false)?;
    }
    Ok(chosen)
}

/// `devices` returns the CUDA devices, or why there are none; it is called only if necessary. `runs` tests whether a device
/// computes.
fn choose_among(
    choice: DeviceChoice,
    devices: impl FnOnce() -> Result<Vec<String>, CudaUnavailable>,
    runs: impl FnOnce(usize) -> Result<(), String>,
) -> Result<DeviceSelection> {
    let chosen = |device, line: String| Ok(DeviceSelection { device, line: format!("device: {line}") });
    match choice {
        DeviceChoice::Cpu => chosen(Device::Cpu, "cpu".to_owned()),
        DeviceChoice::Auto => match devices() {
            Ok(gpus) if gpus.is_empty() => chosen(Device::Cpu, "cpu (auto: no CUDA device)".to_owned()),
            Ok(gpus) => match runs(0) {
                Ok(()) => chosen(Device::Cuda(0), format!("cuda:0 (auto), {}", gpus[0])),
                Err(reason) => chosen(Device::Cpu, format!("cpu (auto: {} cannot compute: {reason})", gpus[0])),
            },
            // The diagnosis is only printed if CUDA was requested.
            Err(CudaUnavailable { problem, .. }) => chosen(Device::Cpu, format!("cpu (auto: {problem})")),
        },
        DeviceChoice::Cuda(index) => match devices() {
            Ok(gpus) if index < gpus.len() => match runs(index) {
                Ok(()) => chosen(Device::Cuda(index), format!("cuda:{index}, {}", gpus[index])),
                Err(reason) => bail!(
                    "--device {choice}: {} is present, but cannot compute\n{reason}\nwhat to do      run `nvidia-smi` to check \
                     whether other processes use its memory; for a GPU that is too old for this libtorch, install an older \
                     libtorch (docs/gpu.md); or use --device cpu",
                    gpus[index]
                ),
            },
            Ok(gpus) => {
                let there = gpus.iter().enumerate().map(|(index, gpu)| format!("cuda:{index} ({gpu})"));
                bail!("--device {choice}: there is no such device; available: {}", there.collect::<Vec<_>>().join(", "))
            }
            Err(CudaUnavailable { problem, diagnosis }) => bail!("--device {choice}: {problem}\n{diagnosis}"),
        },
    }
}

/// The device's name in torch: `cpu`, `cuda:0`.
pub fn name(device: Device) -> String {
    match device {
        Device::Cuda(index) => format!("cuda:{index}"),
        other => format!("{other:?}").to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GPU: &str = "NVIDIA H100, 80.0 GiB";

    fn with(choice: DeviceChoice, devices: Result<usize, &str>) -> Result<DeviceSelection, String> {
        let missing =
            |problem: &str| CudaUnavailable { problem: problem.to_owned(), diagnosis: "step\nwhat to do".to_owned() };
        let devices = devices.map(|count| vec![GPU.to_owned(); count]).map_err(missing);
        choose_among(choice, || devices, |_| Ok(())).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn cpu_does_not_query_cuda() {
        let chosen = choose_among(DeviceChoice::Cpu, || panic!("queried"), |_| panic!("tested")).unwrap();
        assert_eq!((chosen.device, chosen.line.as_str()), (Device::Cpu, "device: cpu"));
    }

    #[test]
    fn auto_chooses_an_available_device_and_describes_it_in_one_line() {
        for (devices, device, line) in [
            (Ok(2), Device::Cuda(0), "device: cuda:0 (auto), NVIDIA H100, 80.0 GiB"),
            (Err("no NVIDIA driver"), Device::Cpu, "device: cpu (auto: no NVIDIA driver)"),
            (Ok(0), Device::Cpu, "device: cpu (auto: no CUDA device)"),
        ] {
            let chosen = with(DeviceChoice::Auto, devices).unwrap();
            assert_eq!((chosen.device, chosen.line.as_str()), (device, line));
        }
    }

    #[test]
    fn cuda_never_falls_back() {
        let chosen = with(DeviceChoice::Cuda(1), Ok(2)).unwrap();
        assert_eq!((chosen.device, chosen.line.as_str()), (Device::Cuda(1), "device: cuda:1, NVIDIA H100, 80.0 GiB"));
        let message = with(DeviceChoice::Cuda(0), Err("no driver")).unwrap_err();
        assert_eq!(message, "--device cuda:0: no driver\nstep\nwhat to do");
        let message = with(DeviceChoice::Cuda(7), Ok(2)).unwrap_err();
        let there = format!("cuda:0 ({GPU}), cuda:1 ({GPU})");
        assert_eq!(message, format!("--device cuda:7: there is no such device; available: {there}"));
    }

    #[test]
    fn a_gpu_that_cannot_compute_is_not_chosen() {
        let none = "CUDA error: no kernel image is available for execution on the device";
        let with = |choice| choose_among(choice, || Ok(vec![GPU.to_owned(); 2]), |_| Err(none.to_owned()));
        let chosen = with(DeviceChoice::Auto).unwrap();
        let line = format!("device: cpu (auto: {GPU} cannot compute: {none})");
        assert_eq!((chosen.device, chosen.line), (Device::Cpu, line));
        let message = with(DeviceChoice::Cuda(1)).unwrap_err().to_string();
        let start = format!("--device cuda:1: {GPU} is present, but cannot compute\n{none}\nwhat to do      run");
        assert!(message.starts_with(&start) && message.ends_with("or use --device cpu"), "{message}");
    }

    #[test]
    fn names_are_those_of_torch() {
        assert_eq!((name(Device::Cpu).as_str(), name(Device::Cuda(1)).as_str()), ("cpu", "cuda:1"));
    }
}
