//! The frame of a lesson's program: parse, run, turn what comes back into an exit code.

use std::any::Any;
use std::ffi::OsString;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Mutex, PoisonError};

use clap::{ArgMatches, Parser};

use crate::{Lesson, args, exit, processes, resume, usage_tip};

/// A lesson's `main`: parses the command line with the lesson's defaults, runs `body`, and ends the process with its exit code.
///
/// An error becomes one line on stderr (`error: ..`), a panic that slipped through as well; with `-v` the C++ part of
/// libtorch's messages stays in it, and `RUST_BACKTRACE` shows where a panic came from. Codes: [`exit`].
///
/// ```no_run
/// use lesson_kit::{Defaults, Lesson, TrainArgs};
///
/// const LESSON: Lesson = Lesson {
///     name: "text-rnn",
///     version: env!("CARGO_PKG_VERSION"),
///     defaults: Defaults { epochs: 500, lr: 0.01, hidden_size: 5, num_layers: 1, batch_size: None },
///     pictures: &[],
///     tolerances: &[],
///     fused_losses: None,
/// };
///
/// /// Predict the last word of a sentence
/// #[derive(clap::Parser)]
/// struct Cli {
///     #[command(flatten)]
///     train: TrainArgs,
/// }
///
/// fn main() -> ! {
///     lesson_kit::main(&LESSON, |cli: Cli| {
///         println!("{} epochs", cli.train.epochs);
///         Ok(())
///     })
/// }
/// ```
pub fn main<C: Parser>(lesson: &Lesson, body: impl FnOnce(C) -> anyhow::Result<()>) -> ! {
    exit::now(run(lesson, body))
}

/// Runs the program and returns its exit code.
fn run<C: Parser>(lesson: &Lesson, body: impl FnOnce(C) -> anyhow::Result<()>) -> u8 {
    let mut arguments: Vec<OsString> = std::env::args_os().collect();
    let (mut cli, mut matches) = match parse::<C>(lesson, &arguments) {
        Ok(parsed) => parsed,
        Err(error) => return refused(&error),
    };
    let verbose = matches!(matches.try_get_one("verbose"), Ok(Some(true)));
    let failed = |error: &anyhow::Error| {
        eprintln!("{}", report(error, verbose));
        exit::code(error)
    };
    let _membership = match processes::join(lesson, &matches) {
        Ok(membership) => membership,
        Err(error) => return failed(&error),
    };
    match processes::arguments_after_restart(&matches, &arguments) {
        Ok(None) => {}
        Ok(Some(changed)) => match parse(lesson, &changed) {
            Ok(parsed) => ((cli, matches), arguments) = (parsed, changed),
            Err(error) => return refused(&error),
        },
        Err(error) => return failed(&error),
    }
    match resume::whole_command_line(lesson, &C::command(), &matches, &arguments) {
        Ok(None) => {}
        Ok(Some(whole)) => match parse(lesson, whole) {
            Ok((whole, _)) => cli = whole,
            Err(error) => return refused(&error),
        },
        Err(error) => return failed(&error),
    }
    match catch(|| body(cli)) {
        Ok(()) => exit::DONE,
        Err(error) => failed(&error),
    }
}

/// What a command line that cannot be used, or asks for help, ends with.
fn refused(error: &clap::Error) -> u8 {
    let _ = error.print(); // to a closed pipe, perhaps; there is nowhere left to say so
    if error.use_stderr() { exit::USAGE } else { exit::DONE }
}

/// Parses `arguments` (the program's name first) with the lesson's defaults in place.
///
/// # Errors
/// clap's: a wrong command line, or `--help` and `--version`, which are no failures.
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
    args::check_contradictions(&mut command, &matches)?;
    let cli = C::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
    Ok((cli, matches))
}

/// What stderr says about an error: its causes on one line; libtorch's in Python's words, that is without tch's
/// prefix and the C++ backtrace, unless `verbose`.
fn report(error: &anyhow::Error, verbose: bool) -> String {
    let text = format!("{error:#}");
    let text = if verbose { text } else { without_cpp_backtrace(&text).replace("Internal torch error: ", "") };
    let text = match processes::name() {
        Some(name) if !text.contains(&name) => format!("{name}: {text}"),
        _ => text,
    };
    if error.is::<exit::Interrupted>() { format!("interrupted: {text}") } else { format!("error: {text}") }
}

/// Runs `body`; a panic becomes an error.
///
/// tch's operators panic where they cannot return an error, with the C++ backtrace in the message.
fn catch(body: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
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

/// Cuts at the start of libtorch's backtrace; in the message of an `unwrap` the line break is an escaped one.
fn without_cpp_backtrace(text: &str) -> &str {
    let text = torch_ext::first_line(text);
    text.split("\\nException raised from").next().unwrap_or(text).trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn a_torch_error_is_one_line_and_whole_with_verbose() {
        let torch = "size mismatch\nException raised from inferSize at x.cpp:1\nframe #0: y";
        let torch = tch::TchError::Torch(torch.to_owned());
        let error = Err::<(), _>(torch).context("the first layer").unwrap_err();
        assert_eq!(report(&error, false), "error: the first layer: size mismatch");
        assert!(report(&error, true).ends_with("frame #0: y"));
    }

    #[test]
    fn a_panic_becomes_an_error() {
        let error = catch(|| {
            // what `Result::unwrap` makes of a TchError
            let error = tch::TchError::Torch("bad shape\nException raised from f\n".into());
            panic!("called `Result::unwrap()` on an `Err` value: {error:?}");
        })
        .unwrap_err();
        let text = report(&error, false);
        assert!(text.starts_with("error: called `Result::unwrap()` on an `Err` value: Torch(\"bad shape (panic at"));
        assert_eq!(text.lines().count(), 1);
        assert_eq!(exit::code(&error), exit::FAILED);
    }

    #[test]
    fn interruption_and_usage_have_their_own_codes() {
        let interrupted = anyhow::Error::new(exit::Interrupted("kept model.pt".into()));
        assert_eq!((exit::code(&interrupted), report(&interrupted, false)), (130, "interrupted: kept model.pt".into()));
        assert_eq!(exit::code(&anyhow::Error::new(exit::UsageError("no such word".into()))), 2);
    }
}
