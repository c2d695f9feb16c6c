//! Every step, on machines where it fails.

use super::*;

/// A machine with two GPUs. Each test changes what it needs.
#[derive(Clone)]
struct Fake {
    os: &'static str,
    driver: Result<(), String>,
    driver_version: Result<i32, DriverError>,
    torch: Result<String, String>,
    runtime: Option<i32>,
    devices: Result<Vec<Gpu>, DriverError>,
    torch_devices: Result<usize, String>,
    cudnn: Option<usize>,
    visible: Option<String>,
}

impl Machine for Fake {
    fn os(&self) -> &'static str {
        self.os
    }
    fn load_driver(&self) -> Result<(), String> {
        self.driver.clone()
    }
    fn driver_version(&self) -> Result<i32, DriverError> {
        self.driver_version.clone()
    }
    fn load_torch(&self) -> Result<String, String> {
        self.torch.clone()
    }
    fn runtime_version(&self) -> Option<i32> {
        self.runtime
    }
    fn devices(&self) -> Result<Vec<Gpu>, DriverError> {
        self.devices.clone()
    }
    fn torch_devices(&self) -> Result<usize, String> {
        self.torch_devices.clone()
    }
    fn cudnn_version(&self) -> Option<usize> {
        self.cudnn
    }
    fn visible_devices(&self) -> Option<String> {
        self.visible.clone()
    }
}

fn gpu(name: &str, gib: u64) -> Gpu {
    Gpu { name: name.to_owned(), memory: gib << 30 }
}

fn complete() -> Fake {
    Fake {
        os: "linux",
        driver: Ok(()),
        driver_version: Ok(13020),
        torch: Ok("libtorch_cuda.so".to_owned()),
        runtime: Some(13000),
        devices: Ok(vec![gpu("NVIDIA H100 80GB HBM3", 80), gpu("NVIDIA A100", 40)]),
        torch_devices: Ok(2),
        cudnn: Some(91900),
        visible: None,
    }
}

/// The successful steps, and the failure's four texts.
fn failing(machine: &Fake) -> (Vec<&'static str>, [String; 4]) {
    let diagnosis = Diagnosis::of(machine);
    assert!(diagnosis.devices().is_empty(), "a failed diagnosis has no devices");
    let Failure { step, problem, reason, remedy } = diagnosis.failure().expect("a failure").clone();
    assert!(diagnosis.to_string().ends_with(&format!("\nwhat to do      {remedy}")), "{diagnosis}");
    assert!(diagnosis.to_string().contains(&format!("{step:<15} {problem}: {reason}")), "{diagnosis}");
    (diagnosis.steps().iter().map(|step| step.name).collect(), [step.to_owned(), problem, reason, remedy])
}

fn driver_error<T>(code: i32, text: &str) -> Result<T, DriverError> {
    Err(DriverError { code, text: text.to_owned() })
}

#[test]
fn a_complete_machine_passes_every_step() {
    let diagnosis = Diagnosis::of(&complete());
    assert_eq!(diagnosis.failure(), None);
    assert_eq!(diagnosis.devices().len(), 2);
    let text = "\
NVIDIA driver   libcuda.so.1
driver version  for CUDA 13.2 and older
libtorch_cuda   libtorch_cuda.so, CUDA 13.0
devices         cuda:0 NVIDIA H100 80GB HBM3, 80.0 GiB; cuda:1 NVIDIA A100, 40.0 GiB
cuDNN           9.19.0";
    assert_eq!(diagnosis.to_string(), text);
    assert_eq!(cudnn_version(8907), "8.9.7");
}

#[test]
fn an_unsupported_operating_system_has_no_cuda() {
    let (steps, [_, problem, _, remedy]) = failing(&Fake { os: "macos", ..complete() });
    assert_eq!((steps.len(), problem.as_str(), remedy.as_str()), (0, "no CUDA on macos", "use --device cpu"));
}

#[test]
fn without_a_driver_no_other_step_runs() {
    let missing = "libcuda.so.1: cannot open shared object file: No such file or directory";
    let (steps, texts) = failing(&Fake { driver: Err(missing.to_owned()), ..complete() });
    assert!(steps.is_empty());
    let remedy = "install the NVIDIA driver, and in a container start it with the GPUs (docker run --gpus all), \
                  or use --device cpu";
    assert_eq!(texts, ["NVIDIA driver", "no NVIDIA driver", missing, remedy]);
}

#[test]
fn an_error_of_the_driver_is_quoted_with_its_remedy() {
    let cases = [
        (driver_error(100, "no CUDA-capable device is detected"), "no CUDA device", "check what `nvidia-smi` lists"),
        (
            driver_error(34, "stub library"),
            "this libcuda.so.1 is a stub for linking",
            "remove the CUDA toolkit's folder",
        ),
        (driver_error(802, "not yet initialized"), "the NVIDIA driver is not ready", "start the fabric manager"),
        (
            driver_error(803, "unsupported driver"),
            "the NVIDIA driver's library and kernel module have different versions",
            "restart",
        ),
        (
            driver_error(804, "compat"),
            "this GPU does not support the libcuda.so.1 of a newer driver",
            "remove CUDA's folder",
        ),
        (driver_error(999, "unknown error"), "the NVIDIA driver does not start", "check with `nvidia-smi`, or use"),
        (driver_error(-1, "it has no cuInit"), "the NVIDIA driver does not start", "check with `nvidia-smi`"),
    ];
    for (answer, expected, to_do) in cases {
        let DriverError { code, text } = answer.clone().unwrap_err();
        let (steps, [step, problem, reason, remedy]) = failing(&Fake { driver_version: answer, ..complete() });
        assert_eq!((steps, step.as_str(), problem.as_str()), (vec![DRIVER], VERSION, expected));
        assert_eq!(reason, format!("{text}, error {code}"));
        assert!(remedy.starts_with(to_do), "{remedy}");
    }
}

#[test]
fn a_remedy_names_cuda_visible_devices_if_it_is_set() {
    let hidden = Fake { visible: Some(String::new()), driver_version: driver_error(100, "none"), ..complete() };
    let unset = "CUDA_VISIBLE_DEVICES is \"\": unset it, or use --device cpu";
    assert_eq!(failing(&hidden).1[3], unset);
    let other = Fake { visible: Some("7".to_owned()), ..hidden };
    let remedy = &failing(&other).1[3];
    assert!(
        remedy.starts_with("CUDA_VISIBLE_DEVICES is \"7\": unset it, and check what `nvidia-smi` lists"),
        "{remedy}"
    );
    let empty = Fake { visible: Some(String::new()), devices: Ok(Vec::new()), ..complete() };
    let (steps, texts) = failing(&empty);
    assert_eq!(steps, [DRIVER, VERSION, TORCH]);
    assert_eq!(texts, ["devices", "no CUDA device", "the driver has none", unset]);
}

#[test]
fn a_libtorch_without_its_cuda_part_names_the_setup_command() {
    let missing = "libcudnn.so.9: cannot open shared object file: No such file or directory";
    let (steps, texts) = failing(&Fake { torch: Err(missing.to_owned()), ..complete() });
    assert_eq!(steps, [DRIVER, VERSION]);
    let remedy = "`scripts/setup.sh --full` installs it with everything it needs, or use --device cpu";
    let problem = "the NVIDIA driver is there, but libtorch's CUDA part is not";
    assert_eq!(texts, ["libtorch_cuda", problem, missing, remedy]);
}

#[test]
fn a_driver_for_an_older_major_version_of_cuda_is_too_old() {
    let (steps, texts) = failing(&Fake { driver_version: Ok(12080), ..complete() });
    assert_eq!(steps, [DRIVER, VERSION, TORCH]);
    let remedy = "install a driver for CUDA 13.0 or newer, or use --device cpu";
    let reason = "it supports CUDA 12.8, and libtorch has CUDA 13.0";
    assert_eq!(texts, ["libtorch_cuda", "the NVIDIA driver is too old for this libtorch", reason, remedy]);
    // Within a major version either one may be newer. An unknown runtime version is not a failure.
    let newer = Fake { driver_version: Ok(13000), runtime: Some(13020), ..complete() };
    assert_eq!(Diagnosis::of(&newer).failure(), None);
    assert_eq!(Diagnosis::of(&Fake { driver_version: Ok(12080), runtime: None, ..complete() }).failure(), None);
}

#[test]
fn devices_that_libtorch_does_not_find_mean_that_cuda_was_loaded_too_late() {
    for (seen, reason) in [(Ok(0), "0 of 2"), (Ok(1), "1 of 2"), (Err("no".to_owned()), "no")] {
        let (steps, texts) = failing(&Fake { torch_devices: seen, ..complete() });
        assert_eq!(steps, [DRIVER, VERSION, TORCH]);
        assert_eq!(texts[1..3], ["the driver has CUDA devices that libtorch does not find", reason]);
        assert!(texts[3].starts_with("load CUDA before anything seeds a generator"), "{}", texts[3]);
    }
    let (_, texts) = failing(&Fake { devices: driver_error(3, "initialization error"), ..complete() });
    assert_eq!(texts[..3], ["devices", "the NVIDIA driver does not start", "initialization error, error 3"]);
}

#[test]
fn a_missing_cudnn_is_a_failure() {
    let (steps, [step, problem, _, remedy]) = failing(&Fake { cudnn: None, ..complete() });
    assert_eq!(steps, [DRIVER, VERSION, TORCH, DEVICES]);
    assert_eq!((step.as_str(), problem.as_str()), ("cuDNN", "libtorch has no cuDNN"));
    assert!(remedy.starts_with("`scripts/setup.sh --full` installs it"), "{remedy}");
}

#[test]
fn a_failure_is_displayed_in_one_line() {
    let failure =
        Diagnosis::of(&Fake { driver: Err("not found".to_owned()), ..complete() }).failure().unwrap().to_string();
    assert!(failure.starts_with("no NVIDIA driver (not found); install the NVIDIA driver"), "{failure}");
    assert_eq!(failure.lines().count(), 1);
}
