//! `LESSON doctor`: the libtorch, CPU and CUDA devices of this machine, and the first step towards CUDA that fails.

use std::fmt::Display;

use anyhow::{Result, bail, ensure};
use serde_json::{Map, Value as Json};
use torch_ext::{cpu, cuda, libtorch};

use crate::{RunArgs, device, print_result};

/// Prints libtorch, the CPU, every step towards CUDA, and the device that `--device` selects; with `--json` as one object.
///
/// # Errors
/// If libtorch has another version than the program was built for, or the device is not available. The printed lines have
/// the reason.
pub fn doctor(args: &RunArgs) -> Result<()> {
    let mut found: Vec<(&str, String)> = Vec::new();
    let cuda = cuda::diagnose(); // before any other call of libtorch
    if let Some(threads) = args.threads {
        tch::set_num_threads(threads);
    }
    let release = libtorch::version()?.unwrap_or_else(|| "unknown version".to_owned());
    found.push(("libtorch", format!("{release}, in {}", libtorch::folder()?.display())));
    found.push(("CPU", [cpu::capability()?, cpu::model_name()].join(" ").trim_end().to_owned()));
    found.push(("threads", tch::get_num_threads().to_string()));
    found.extend(cuda.steps().iter().map(|step| (step.name, step.found.clone())));
    if let Some(failure) = cuda.failure() {
        found.push((failure.step, format!("{}: {}", failure.problem, failure.reason)));
        found.push(("what to do", failure.remedy.clone()));
    }
    let chosen = device::choose(args.device);
    if let Ok(chosen) = &chosen {
        found.push(("device", chosen.line.trim_start_matches("device: ").to_owned()));
    }
    print(&found, args.json)?;
    ensure!(
        release == libtorch::REQUIRED,
        "this program was built for libtorch {}, but loads another one ({release}); build it again, or unset \
         LD_LIBRARY_PATH if it names another libtorch",
        libtorch::REQUIRED
    );
    match chosen {
        Err(_) if cuda.failure().is_some() => {
            bail!("--device {}: CUDA is not available; see the lines on stdout", args.device)
        }
        chosen => chosen.map(drop),
    }
}

fn print(found: &[(&str, impl Display)], json: bool) -> Result<()> {
    if json {
        let object: Map<String, Json> =
            found.iter().map(|(name, what)| ((*name).to_owned(), what.to_string().into())).collect();
        return print_result(Json::Object(object));
    }
    found.iter().try_for_each(|(name, what)| print_result(format_args!("{name:<15} {what}")))
}
