//! `LESSON doctor`: what the program found on this machine, and where CUDA stops.

use std::fmt::Display;

use anyhow::{Result, bail, ensure};
use serde_json::{Map, Value as Json};
use torch_ext::{cpu, cuda, libtorch, version};

use crate::{TrainArgs, device, print_result};

/// Prints libtorch, the CPU, every step towards CUDA, and the device that `--device` takes; with `--json` as one object.
///
/// # Errors
/// If libtorch is of another version than the program was built for, or `--device` asks for what is not there: the lines
/// above it say why.
pub fn doctor(args: &TrainArgs) -> Result<()> {
    let mut found: Vec<(&str, String)> = Vec::new();
    let cuda = cuda::diagnose(); // before anything else touches libtorch
    if let Some(threads) = args.threads {
        tch::set_num_threads(threads);
    }
    let release = libtorch::version()?.unwrap_or_else(|| "of an unknown version".to_owned());
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
        release == version::WANTED,
        "this program was built for libtorch {}, and has found {release}; build it again, or unset LD_LIBRARY_PATH if it \
         names another one",
        version::WANTED
    );
    match chosen {
        Err(_) if cuda.failure().is_some() => bail!("--device {}: there is no CUDA; see above", args.device),
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
