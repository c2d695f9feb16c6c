//! From `--device` to a device, before anything else touches libtorch.

use anyhow::{Result, bail};
use tch::Device;

use crate::args::DeviceChoice;

/// A device and how it came to be chosen, in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// Where to compute.
    pub device: Device,
    /// For the user: `device: cpu (auto: no CUDA: ..)`.
    pub line: String,
}

/// Resolves `choice`, loading CUDA if it is wanted.
///
/// Call it before anything asks libtorch for random numbers: libtorch looks for CUDA once and remembers the answer.
///
/// # Errors
/// If CUDA was asked for by name and is not there; the message says which step failed.
pub fn choose(choice: DeviceChoice) -> Result<Chosen> {
    choose_among(choice, || {
        torch_ext::cuda::load().map_err(|error| error.to_string())?;
        Ok(usize::try_from(tch::Cuda::device_count()).unwrap_or(0))
    })
}

/// `devices` counts the CUDA devices, or says why there are none; it is only called if the answer matters.
fn choose_among(choice: DeviceChoice, devices: impl FnOnce() -> Result<usize, String>) -> Result<Chosen> {
    match choice {
        DeviceChoice::Cpu => Ok(Chosen { device: Device::Cpu, line: "device: cpu".to_owned() }),
        DeviceChoice::Auto => Ok(match devices() {
            Ok(1..) => Chosen { device: Device::Cuda(0), line: "device: cuda:0 (auto: CUDA is there)".to_owned() },
            Ok(0) => Chosen { device: Device::Cpu, line: "device: cpu (auto: no CUDA device)".to_owned() },
            // The loader's words and the remedy are for those who asked for CUDA.
            Err(reason) => {
                let what = reason.split([';', '(']).next().unwrap_or_default().trim_end();
                Chosen { device: Device::Cpu, line: format!("device: cpu (auto: {what})") }
            }
        }),
        DeviceChoice::Cuda(index) => match devices() {
            Ok(count) if index < count => {
                Ok(Chosen { device: Device::Cuda(index), line: format!("device: cuda:{index}") })
            }
            Ok(count) => bail!("--device {choice}: there are {count} CUDA devices, numbered from 0"),
            Err(reason) => bail!("--device {choice}: {reason}"),
        },
    }
}

/// The device's name as torch writes it: `cpu`, `cuda:0`.
pub fn name(device: Device) -> String {
    match device {
        Device::Cuda(index) => format!("cuda:{index}"),
        other => format!("{other:?}").to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(choice: DeviceChoice, devices: Result<usize, &str>) -> Result<Chosen, String> {
        choose_among(choice, || devices.map_err(str::to_owned)).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn cpu_does_not_ask_for_cuda() {
        let chosen = choose_among(DeviceChoice::Cpu, || panic!("asked")).unwrap();
        assert_eq!((chosen.device, chosen.line.as_str()), (Device::Cpu, "device: cpu"));
    }

    #[test]
    fn auto_takes_what_is_there_and_says_so() {
        let chosen = with(DeviceChoice::Auto, Ok(2)).unwrap();
        assert_eq!((chosen.device, chosen.line.as_str()), (Device::Cuda(0), "device: cuda:0 (auto: CUDA is there)"));
        let chosen = with(DeviceChoice::Auto, Err("no driver (libcuda.so.1: not found); install it")).unwrap();
        assert_eq!((chosen.device, chosen.line.as_str()), (Device::Cpu, "device: cpu (auto: no driver)"));
        assert_eq!(with(DeviceChoice::Auto, Ok(0)).unwrap().device, Device::Cpu);
    }

    #[test]
    fn cuda_never_falls_back() {
        assert_eq!(with(DeviceChoice::Cuda(1), Ok(2)).unwrap().device, Device::Cuda(1));
        assert_eq!(with(DeviceChoice::Cuda(0), Err("no driver")).unwrap_err(), "--device cuda:0: no driver");
        let message = with(DeviceChoice::Cuda(3), Ok(1)).unwrap_err();
        assert_eq!(message, "--device cuda:3: there are 1 CUDA devices, numbered from 0");
    }

    #[test]
    fn names_are_those_of_torch() {
        assert_eq!((name(Device::Cpu).as_str(), name(Device::Cuda(1)).as_str()), ("cpu", "cuda:1"));
    }
}
