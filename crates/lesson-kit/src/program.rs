//! The `main` of a lesson: parses the command line, runs the command, and ends with an exit code.

use std::any::Any;
use std::cell::RefCell;
use std::ffi::OsString;
use std::panic::{self, AssertUnwindSafe};
use std::rc::Rc;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};
use clap::error::ErrorKind;
use clap::{ArgMatches, Parser};
use pt_file::escape;
use recurrent::Backend;
use serde_json::Value as Json;

use crate::args::Options;
use crate::checkpoint::Checkpoint;
use crate::console::print_message;
use crate::exit::{self, UsageError};
use crate::file_names::CHECKPOINT;
use crate::{DeviceChoice, Lesson, Recording, RunArgs, SavedModel, WorkerGroup, args, usage_tip};

/// The command line of a lesson.
pub trait CommandLine: Parser {
    /// The options that are stored.
    type Options: Options;

    /// The options of a training run.
    fn options(&mut self) -> (&mut RunArgs, &mut Self::Options);

    /// Runs the command that was typed.
    fn run(self, program: &Program) -> Result<()>;

    /// Trains a model and evaluates it.
    fn train(&self, program: &Program) -> Result<()>;

    /// Evaluates a trained model.
    fn eval(&self, program: &Program, model: &SavedModel) -> Result<()>;
}

/// What the commands of a lesson share.
#[derive(Debug)]
pub struct Program {
    /// The lesson.
    pub lesson: Lesson,
    pub(crate) workers: WorkerGroup,
    /// The checkpoint to resume from, until [`Run::start`](crate::Run::start).
    resumed: RefCell<Option<Checkpoint>>,
    pub(crate) recording: Option<Rc<RefCell<Recording>>>,
}

impl Program {
    /// A program of one process.
    pub fn new(lesson: &Lesson) -> Program {
        Program { lesson: *lesson, workers: WorkerGroup::default(), resumed: RefCell::default(), recording: None }
    }

    /// Runs `command` in a program that records its tensors and prints no results; returns the recording.
    pub fn recorded(&self, command: impl FnOnce(&Program) -> Result<()>) -> Result<Recording> {
        let recording = Rc::default();
        let program = Program {
            workers: self.workers.clone(),
            recording: Some(Rc::clone(&recording)),
            ..Program::new(&self.lesson)
        };
        command(&program)?;
        Ok(recording.take())
    }

    /// Whether this is a run that is compared with the notebook ([`Program::recorded`]).
    pub fn is_recorded(&self) -> bool {
        self.recording.is_some()
    }

    pub(crate) fn take_resumed(&self) -> Option<Checkpoint> {
        self.resumed.take()
    }

    /// With `--resume`: options that were not typed get the values of the checkpoint.
    fn resume<C: CommandLine>(&self, cli: &mut C, matches: &ArgMatches) -> Result<()> {
        let (run_args, options) = cli.options();
        let checkpoint = Checkpoint::read_in(&run_args.out, self.lesson.name, &self.workers)?;
        let stored = &checkpoint.config;
        let typed = |key: &str| args::is_typed(matches, key) || key == "device" && args::is_typed(matches, "cuda");
        let file = run_args.out.join(CHECKPOINT).display().to_string();
        *options = merge(options, stored, typed)
            .map_err(|error| UsageError(format!("{file}: {}", escape(&format!("{error:#}")))))?;
        let hyper = options.hyperparameters();
        hyper.check().map_err(|reason| UsageError(format!("{file}: {reason}")))?;
        if let Some(threads) = stored["threads"].as_i64().filter(|_| !typed("threads")) {
            let invalid =
                |reason| UsageError(format!("{file}: threads = {threads} is not a valid number of threads: {reason}"));
            run_args.threads = Some(args::check_threads(threads).map_err(invalid)?);
        }
        if let Some(device) = stored["device"].as_str().filter(|_| !typed("device")) {
            run_args.device =
                device.parse().map_err(|error| UsageError(format!("--device {}: {error}", escape(device))))?;
        }
        let backend = options.hyperparameters().backend;
        if let Some(contradiction) = args::contradiction(matches, run_args.device, backend) {
            return Err(UsageError(contradiction).into());
        }
        self.resumed.replace(Some(checkpoint));
        Ok(())
    }
}

/// `options` with the values of `stored` for all keys that are not `typed`. Keys that are not options are ignored.
pub fn merge<O: Options>(options: &O, stored: &Json, typed: impl Fn(&str) -> bool) -> Result<O> {
    let mut merged = serde_json::to_value(options).context("the options as JSON")?;
    for (key, value) in stored.as_object().into_iter().flatten().filter(|(key, _)| !typed(key)) {
        if let Some(own) = merged.get_mut(key) {
            *own = value.clone();
        }
    }
    serde_json::from_value(merged).context("the stored options cannot be used")
}

/// A lesson's `main`: parses the command line with the lesson's defaults, runs the command, and ends the process with its
/// exit code (see [`exit`]).
///
/// An error, or a panic, becomes one line on stderr (`error: ..`). With `-v` libtorch's C++ backtrace is included, and
/// `RUST_BACKTRACE` shows where a panic came from.
pub fn main<C: CommandLine>(lesson: &Lesson) -> ! {
    exit::now(run_program::<C>(lesson))
}

/// Runs the program and returns its exit code.
fn run_program<C: CommandLine>(lesson: &Lesson) -> u8 {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let (cli, matches) = match parse::<C>(lesson, &arguments) {
        Ok(parsed) => parsed,
        Err(error) => {
            let _ = error.print(); // a closed pipe cannot be reported anywhere
            return if error.use_stderr() { exit::USAGE } else { exit::DONE };
        }
    };
    let verbose = matches!(matches.try_get_one("verbose"), Ok(Some(true)));
    let mut program = Program::new(lesson);
    match catch_panic(|| run_command(&mut program, cli, &matches)) {
        Ok(()) => exit::DONE,
        Err(error) => {
            print_message(report(&error, verbose, program.workers.name()));
            exit::code(&error)
        }
    }
}

fn run_command<C: CommandLine>(program: &mut Program, mut cli: C, matches: &ArgMatches) -> Result<()> {
    program.workers = WorkerGroup::join(&program.lesson, matches)?;
    program.workers.continue_after_restart(cli.options().0)?;
    if cli.options().0.resume {
        program.resume(&mut cli, matches)?;
    }
    cli.run(program)
}

/// Parses `arguments` (the first is the program's name) with the lesson's defaults.
///
/// # Errors
/// If the command line is wrong. `--help` and `--version` are also errors of clap.
pub fn parse<C: Parser>(
    lesson: &Lesson,
    arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>,
) -> Result<(C, ArgMatches), clap::Error> {
    let mut command = args::with_defaults(lesson, C::command())
        .version(lesson.version)
        .max_term_width(110)
        .args_override_self(true)
        .args_conflicts_with_subcommands(true);
    let parsed = command.try_get_matches_from_mut(arguments);
    let matches = parsed.map_err(|error| usage_tip::with_tip(error, &command))?;
    if let (Ok(Some(&device)), Ok(Some(&backend))) =
        (matches.try_get_one::<DeviceChoice>("device"), matches.try_get_one::<Backend>("backend"))
        && let Some(contradiction) = args::contradiction(&matches, device, backend)
    {
        return Err(command.error(ErrorKind::ArgumentConflict, contradiction));
    }
    let cli = C::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
    Ok((cli, matches))
}

/// The text of an error: its causes on one line. Unless `verbose`, libtorch's messages have the wording of PyTorch, without tch's
/// prefix and the C++ backtrace.
fn report(error: &anyhow::Error, verbose: bool, worker: Option<String>) -> String {
    let text = format!("{error:#}");
    let text = if verbose { text } else { plain(&text) };
    let text = match worker {
        Some(name) if !text.contains(&name) => format!("{name}: {text}"),
        _ => text,
    };
    if error.is::<exit::Interrupted>() { format!("interrupted: {text}") } else { format!("error: {text}") }
}

/// Runs `body`; a panic becomes an error.
///
/// tch's operators cannot return an error: they panic, and the message contains the C++ backtrace.
fn catch_panic(body: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    static PLACE: Mutex<Option<String>> = Mutex::new(None);
    let standard = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        *PLACE.lock().unwrap_or_else(PoisonError::into_inner) = info.location().map(ToString::to_string);
        if std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value != "0") {
            standard(info);
        }
    }));
    panic::catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|payload| {
        let place = PLACE.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default();
        Err(anyhow::anyhow!("{} (panic at {place}; RUST_BACKTRACE=1 shows more)", panic_message(payload.as_ref())))
    })
}

fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text.as_str(),
        _ => "the program panicked",
    };
    without_cpp_backtrace(text).to_owned()
}

/// Removes libtorch's C++ backtrace. In the message of an `unwrap` the line break before it is escaped.
fn without_cpp_backtrace(text: &str) -> &str {
    let text = torch_ext::first_line(text);
    let ends = ["\\nException raised from", "\\nframe #0"].map(|start| text.find(start));
    text[..ends.into_iter().flatten().min().unwrap_or(text.len())].trim_end()
}

/// A message of libtorch in the wording of PyTorch. For an operation without enough memory: in plain words.
fn plain(text: &str) -> String {
    const REMEDY: &str = "use smaller sizes, for example --hidden-size or --num-layers (-v prints libtorch's message)";
    let text = without_cpp_backtrace(text).replace("Internal torch error: ", "");
    let allocation = ["can't allocate memory: you tried to allocate ", "not enough memory: you tried to allocate "];
    if let Some((_, rest)) = allocation.iter().find_map(|words| text.split_once(words)) {
        let bytes: String = rest.chars().take_while(char::is_ascii_digit).collect();
        return format!("not enough memory: libtorch cannot allocate {bytes} bytes; {REMEDY}");
    }
    if text.contains("std::bad_alloc") {
        return format!("not enough memory; {REMEDY}");
    }
    if text.contains("could not create a primitive") || text.contains("could not create a memory object") {
        return format!(
            "libtorch cannot run an operation of these sizes, probably because of too little memory; {REMEDY}"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn a_torch_error_is_one_line_and_complete_with_verbose() {
        let torch = "size mismatch\nException raised from inferSize at x.cpp:1\nframe #0: y";
        let torch = tch::TchError::Torch(torch.to_owned());
        let error = Err::<(), _>(torch).context("the first layer").unwrap_err();
        assert_eq!(report(&error, false, None), "error: the first layer: size mismatch");
        assert!(report(&error, true, None).ends_with("frame #0: y"));
    }

    #[test]
    fn an_error_of_too_little_memory_is_one_plain_line() {
        let torch = "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate \
                     576 bytes. Error code 12 (Cannot allocate memory)\nframe #0: c10::ThrowEnforceNotMet(";
        let error = |text: &str| anyhow::Error::new(tch::TchError::Torch(text.to_owned()));
        let shown = report(&error(torch), false, None);
        assert!(
            shown.starts_with("error: not enough memory: libtorch cannot allocate 576 bytes; use smaller sizes"),
            "{shown}"
        );
        assert_eq!(shown.lines().count(), 1);
        assert!(report(&error(torch), true, None).contains("frame #0"));
        let panic =
            format!("called `Result::unwrap()` on an `Err` value: {:?}", tch::TchError::Torch(torch.to_owned()));
        assert!(!report(&anyhow::anyhow!(panic), false, None).contains("frame #0"));
        for text in ["could not create a primitive", "could not create a primitive descriptor for x", "std::bad_alloc"]
        {
            let shown = report(&error(text), false, None);
            assert!(shown.contains("memory; use smaller sizes") && !shown.contains(text), "{shown}");
        }
    }

    #[test]
    fn a_panic_becomes_an_error() {
        let error = catch_panic(|| {
            // the message of `Result::unwrap` for a TchError
            let error = tch::TchError::Torch("bad shape\nException raised from f\n".into());
            panic!("called `Result::unwrap()` on an `Err` value: {error:?}");
        })
        .unwrap_err();
        let text = report(&error, false, None);
        assert!(text.starts_with("error: called `Result::unwrap()` on an `Err` value: Torch(\"bad shape (panic at"));
        assert_eq!(text.lines().count(), 1);
        assert_eq!(exit::code(&error), exit::FAILED);
    }

    #[test]
    fn interruption_and_usage_have_their_own_codes() {
        let interrupted = anyhow::Error::new(exit::Interrupted("kept model.pt".into()));
        assert_eq!(
            (exit::code(&interrupted), report(&interrupted, false, None)),
            (130, "interrupted: kept model.pt".into())
        );
        assert_eq!(exit::code(&anyhow::Error::new(exit::UsageError("no such word".into()))), 2);
    }
}
