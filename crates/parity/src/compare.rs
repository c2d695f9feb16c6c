//! The command `compare`.

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use lesson_kit::exit::{ComparisonOff, UsageError};
use lesson_kit::{CommandLine, DeviceChoice, Lesson, Options, Program, SavedModel, merge, plot, print_result};
use pt_file::escape;

use crate::args::CompareArgs;
use crate::comparison::Comparison;
use crate::reference::Reference;
use crate::tolerances::{Requirement, Tolerances};
use crate::{live, report, verdict};

/// Runs the lesson with the notebook's options and compares the numbers. Prints the table, and draws both loss curves.
///
/// # Errors
/// [`ComparisonOff`] if a quantity differs by more than is allowed, or is missing on one side. [`UsageError`] for options that
/// cannot be used. Another error if the comparison would be meaningless: the numbers belong to another lesson, another torch,
/// another version of the notebook, or other weights.
pub fn compare<C: CommandLine>(
    mut cli: C,
    program: &Program,
    args: &CompareArgs,
    tolerances: &Tolerances,
) -> Result<()> {
    let lesson = &program.lesson;
    let (run_args, options) = cli.options();
    if run_args.threads.is_some() && !args.live {
        return Err(
            UsageError("--threads: the recorded numbers have a fixed number of threads; add --live".into()).into()
        );
    }
    if !matches!(run_args.device, DeviceChoice::Auto | DeviceChoice::Cpu) {
        return Err(UsageError(format!(
            "--device {}: the notebooks compute on the CPU; use --device cpu",
            run_args.device
        ))
        .into());
    }
    let saved = args.checkpoint.as_ref().map(|file| read_checkpoint(file, lesson)).transpose()?;
    let backend = options.hyperparameters().backend;
    let comparison = if args.live {
        let reference = live::run(lesson, args, run_args.threads)?;
        Comparison::live(lesson, reference, &args.notebooks, tolerances)?
    } else {
        Comparison::recorded(lesson, &args.notebooks, tolerances)?
    };
    let comparison = Comparison { backend, weights_only: saved.is_some(), ..comparison };
    if let Some(saved) = saved.as_ref().filter(|_| !args.live) {
        check_weights(saved, &comparison.reference)?;
    }
    *options = with_notebook_options(options, &comparison.reference)?;
    run_args.threads = Some(comparison.reference.threads);
    run_args.device = DeviceChoice::Cpu;
    run_args.out = args.out.clone().unwrap_or_else(|| PathBuf::from(format!("{}-compare", lesson.default_out())));
    let (json, pictures) = (run_args.json, (!run_args.no_plots).then(|| run_args.out.clone()));

    let recording = program.recorded(|program| match &saved {
        Some(saved) => cli.eval(program, saved),
        None => cli.train(program),
    })?;
    let rows = comparison.rows(&recording);
    ensure!(!rows.is_empty(), "there is nothing to compare");
    print_result(if json { report::json(&comparison, &rows)? } else { report::table(&comparison, &rows) })?;
    if let (Some(chart), Some(out)) = (report::chart(&comparison, &recording), pictures) {
        plot::save(&chart, &out.join("compare"))?;
    }
    match rows.iter().filter(|row| !row.ok).count() {
        0 => Ok(()),
        off => Err(ComparisonOff(format!("{off} of {} quantities are off", rows.len())).into()),
    }
}

/// The options with the notebook's values.
fn with_notebook_options<O: Options>(options: &O, reference: &Reference) -> Result<O> {
    let known = serde_json::to_value(options)?;
    if let Some((name, value)) = reference.options.iter().find(|(name, _)| known.get(name.as_str()).is_none()) {
        bail!("the notebook has the option {} = {value}, which {} does not have", escape(name), reference.lesson);
    }
    let mut stored = reference.options.clone();
    stored.insert("seed".to_owned(), reference.seed.into());
    merge(options, &stored.into(), |_| false).context("the notebook's options")
}

fn read_checkpoint(file: &std::path::Path, lesson: &Lesson) -> Result<SavedModel> {
    let shown = file.display();
    ensure!(
        !file.is_dir(),
        "--checkpoint {shown}: this is a folder; --checkpoint {shown}/model.pt reads the model in it"
    );
    SavedModel::read(file, lesson)
}

/// Checks that the weights are those that the notebook trained: predictions are recorded for these only.
fn check_weights(saved: &SavedModel, reference: &Reference) -> Result<()> {
    for recorded in reference.quantities.iter().filter(|recorded| recorded.group == "final weights") {
        let ours = saved.state_dict().get(&recorded.name).map(torch_ext::convert::to_pt_file).transpose()?;
        if !verdict::compare(recorded, ours.as_ref(), Requirement::Bits).ok {
            bail!(
                "--checkpoint: {} differs from the notebook's trained weights, and predictions of other weights are not recorded; \
                 add --live to compute them in Python",
                recorded.name
            );
        }
    }
    Ok(())
}
