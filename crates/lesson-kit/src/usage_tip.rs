//! Tips below clap's messages about an option in the wrong place, and the message about a word that is not a command.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command, Error};

/// Adds a tip to `error` if the rejected option belongs to another command, or precedes its command.
pub(crate) fn with_tip(mut error: Error, command: &Command) -> Error {
    if let Some(word) = extra_word(&error, command) {
        error = Error::new(ErrorKind::UnknownArgument).with_cmd(command);
        error.insert(ContextKind::InvalidArg, ContextValue::String(word));
        let names: Vec<_> = command.get_subcommands().map(Command::get_name).collect();
        let tip = format!("this is neither an option nor a value; the commands are {}", names.join(", "));
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    } else if let Some(tip) = tip(&error, command) {
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    error
}

/// A word after the options that is not a command. clap reports it as "the subcommand 'foo' cannot be used with '--lr <X>'".
fn extra_word(error: &Error, command: &Command) -> Option<String> {
    match (error.kind(), error.get(ContextKind::InvalidSubcommand)) {
        (ErrorKind::ArgumentConflict, Some(ContextValue::String(word))) if command.find_subcommand(word).is_none() => {
            Some(word.clone())
        }
        _ => None,
    }
}

fn tip(error: &Error, command: &Command) -> Option<String> {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        Some(ContextValue::Strings(texts)) => texts.first().map(String::as_str),
        _ => None,
    };
    match error.kind() {
        ErrorKind::UnknownArgument => {
            let option = name(text(ContextKind::InvalidArg)?)?;
            let training = has(command, option).then_some("training");
            let others = command.get_subcommands().filter(|it| has(it, option)).map(Command::get_name);
            let takers: Vec<&str> = training.into_iter().chain(others).collect();
            let (last, rest) = takers.split_last()?;
            let takers = if rest.is_empty() { (*last).to_owned() } else { format!("{} and {last}", rest.join(", ")) };
            Some(format!("{option} is an option of {takers}"))
        }
        // "the subcommand 'predict' cannot be used with '--out <DIR>'"
        ErrorKind::ArgumentConflict => {
            let subcommand = command.find_subcommand(text(ContextKind::InvalidSubcommand)?)?;
            let typed = text(ContextKind::PriorArg)?;
            let (program, subcommand, option) = (command.get_name(), subcommand, name(typed)?);
            let name = subcommand.get_name();
            Some(if has(subcommand, option) {
                format!("the options of a command come after it: {program} {name} {typed}")
            } else {
                format!("{option} is an option of training; {name} does not have it")
            })
        }
        _ => None,
    }
}

/// `--out` of `--out <DIR>` and `--out=x`; `None` for a value.
fn name(shown: &str) -> Option<&str> {
    shown.split([' ', '=']).next().filter(|name| name.starts_with('-') && name.len() > 1)
}

fn has(command: &Command, option: &str) -> bool {
    let is = |argument: &Arg| match option.strip_prefix("--") {
        Some(long) => argument.get_long_and_visible_aliases().is_some_and(|names| names.contains(&long)),
        None => argument.get_short().is_some_and(|short| option.strip_prefix('-') == Some(short.to_string().as_str())),
    };
    command.get_arguments().any(is)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::{Defaults, EvalArgs, Hyperparameters, Lesson, RunArgs, parse};

    const LESSON: Lesson = Lesson {
        name: "toy",
        version: "1.2.3",
        defaults: Defaults { epochs: 3, lr: 0.01, hidden_size: 5, num_layers: 1, batch_size: None },
        pictures: &[],
        texts: &[],
    };

    #[derive(Parser, Debug)]
    struct Cli {
        #[command(flatten)]
        _options: Hyperparameters,
        #[command(flatten)]
        _run: RunArgs,
        #[command(subcommand)]
        _command: Option<Command>,
    }

    #[derive(clap::Subcommand, Debug)]
    enum Command {
        Eval(EvalArgs),
        Doctor,
    }

    #[test]
    fn the_tip_names_the_commands_that_have_the_option() {
        for (arguments, tip) in [
            ("toy --model x", "--model is an option of eval"),
            ("toy doctor --out x", "--out is an option of training and eval"),
            ("toy doctor -o x", "-o is an option of training and eval"),
            ("toy eval --lr=1", "--lr is an option of training"),
            ("toy --out x eval", "the options of a command come after it: toy eval --out <DIR>"),
            ("toy --lr 1 eval", "--lr is an option of training; eval does not have it"),
        ] {
            let error = parse::<Cli>(&LESSON, arguments.split(' ')).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            let message = error.to_string();
            let tips: Vec<_> = message.lines().filter_map(|line| line.trim().strip_prefix("tip: ")).collect();
            assert_eq!(tips, [tip], "{message}");
        }
        let message = parse::<Cli>(&LESSON, ["toy", "--lr", "1", "wrod"]).unwrap_err().to_string();
        assert!(message.starts_with("error: unexpected argument 'wrod' found"), "{message}");
        assert!(message.contains("the commands are eval, doctor") && !message.contains("subcommand"), "{message}");
        let message = parse::<Cli>(&LESSON, ["toy", "eval", "--nowhere"]).unwrap_err().to_string();
        assert!(!message.contains("is an option of"), "{message}");
    }
}
