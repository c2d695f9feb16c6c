//! The arguments that all lessons have, defined and checked once.
//!
//! A lesson flattens [`TrainArgs`], and [`BatchArgs`] if it trains in batches, into its own parser. The definitions
//! carry no defaults: [`with_defaults`] puts the lesson's own into them, so that `--help` shows the notebook's values.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{ArgAction, ArgMatches, Args, Command, error::ErrorKind, parser::ValueSource};
use torch_ext::Format;

use crate::{Backend, Lesson};

/// Options of every lesson's training.
#[derive(Args, Debug, Clone)]
pub struct TrainArgs {
    /// Passes over the training data
    #[arg(short, long, value_name = "N", value_parser = at_least_one::<u32>, allow_negative_numbers = true)]
    pub epochs: u32,

    /// Learning rate of the optimizer
    #[arg(long, value_name = "X", value_parser = positive, allow_negative_numbers = true)]
    pub lr: f64,

    /// Seed of the random numbers: the same seed gives the same run
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    pub seed: i64,

    /// Width of the recurrent layer's hidden state
    #[arg(long, value_name = "N", value_parser = at_least_one::<i64>, allow_negative_numbers = true)]
    pub hidden_size: i64,

    /// Number of stacked recurrent layers
    #[arg(long, value_name = "N", value_parser = at_least_one::<i64>, allow_negative_numbers = true)]
    pub num_layers: i64,

    /// Where to compute: auto, cpu, cuda or cuda:N. `auto` takes CUDA if it is there and says so; `cuda` never falls back
    #[arg(
        global = true,
        long,
        value_name = "DEVICE",
        default_value = "auto",
        default_value_if("cuda", "true", "cuda")
    )]
    pub device: DeviceChoice,

    /// Short for --device cuda
    #[arg(global = true, long)]
    pub cuda: bool,

    /// What computes the recurrent layer: exact, libtorch's operations, with PyTorch's bits; or fused, kernels for whole
    /// sequences on the CPU, with the same numbers to rounding. Gates are always computed by exact
    #[arg(global = true, long, value_name = "BACKEND", value_enum, hide_possible_values = true, default_value_t)]
    pub backend: Backend,

    /// CPU threads for libtorch [default: libtorch's own choice]
    #[arg(global = true, long, value_name = "N", value_parser = at_least_one::<i32>, allow_negative_numbers = true)]
    pub threads: Option<i32>,

    /// Run folder: receives the model, the metrics and the plots
    #[arg(short, long, value_name = "DIR")]
    pub out: PathBuf,

    /// Go on with the unfinished run in the run folder, to the same bits; on another --device to rounding: the next loss within
    /// 5e-5. Its options count where none are typed; with a larger --epochs a finished run goes on too
    #[arg(long, conflicts_with_all = ["overwrite", "dry_run"])]
    pub resume: bool,

    /// Replace what an unfinished run left in the run folder
    #[arg(long)]
    pub overwrite: bool,

    /// Under torchrun: how many seconds a process waits for another before it gives up
    #[arg(global = true, long, value_name = "SECONDS", value_parser = at_least_one::<u64>, default_value_t = 60, allow_negative_numbers = true)]
    pub dist_timeout: u64,

    /// Write checkpoint.pt after every Nth epoch and at the end [default: after every epoch, as far as that takes at most a twentieth of the time]
    #[arg(long, value_name = "N", value_parser = at_least_one::<u32>, allow_negative_numbers = true)]
    pub checkpoint_every: Option<u32>,

    /// How to write the model: pt (torch.load) or safetensors
    #[arg(long, value_name = "FORMAT", default_value_t = Format::Pt)]
    pub format: Format,

    /// Do one step of everything and write nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Train nothing: print the model's equations, its parameters, and the shapes of one batch on its way through
    #[arg(long, conflicts_with_all = ["resume", "dry_run"])]
    pub explain: bool,

    /// Draw no pictures
    #[arg(global = true, long)]
    pub no_plots: bool,

    /// Print the summary as one JSON object on stdout, and nothing else there
    #[arg(global = true, long)]
    pub json: bool,

    /// Say nothing on stderr but errors; results still go to stdout
    #[arg(global = true, short, long, conflicts_with = "verbose")]
    pub quiet: bool,

    /// Say more: settings and versions, and the whole of libtorch's errors
    #[arg(global = true, short, long, action = ArgAction::SetTrue)]
    pub verbose: bool,

    /// Show neither a progress bar nor a line per epoch
    #[arg(global = true, long)]
    pub no_progress: bool,

    /// The run is one side of a comparison: nothing goes to stdout, and the order of the batches is kept.
    #[arg(skip)]
    pub(crate) compared: bool,
}

/// Options of the lessons that train in batches.
#[derive(Args, Debug, Clone)]
pub struct BatchArgs {
    /// Examples per batch
    #[arg(short, long, value_name = "N", value_parser = at_least_one::<i64>, allow_negative_numbers = true)]
    pub batch_size: i64,

    /// Train on the first N batches of each epoch only
    #[arg(long, value_name = "N", value_parser = at_least_one::<usize>, allow_negative_numbers = true)]
    pub limit: Option<usize>,
}

/// What `--device` can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceChoice {
    /// CUDA if it is there, else the CPU.
    Auto,
    /// The CPU.
    Cpu,
    /// This CUDA device or an error.
    Cuda(usize),
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<DeviceChoice, String> {
        match text {
            "auto" => Ok(DeviceChoice::Auto),
            "cpu" => Ok(DeviceChoice::Cpu),
            "cuda" => Ok(DeviceChoice::Cuda(0)),
            _ => text
                .strip_prefix("cuda:")
                .and_then(|index| index.parse().ok())
                .map(DeviceChoice::Cuda)
                .ok_or_else(|| "expected auto, cpu, cuda or cuda:N".to_owned()),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeviceChoice::Auto => f.write_str("auto"),
            DeviceChoice::Cpu => f.write_str("cpu"),
            DeviceChoice::Cuda(index) => write!(f, "cuda:{index}"),
        }
    }
}

/// Puts the lesson's defaults into the definitions of [`TrainArgs`] and [`BatchArgs`] that `command` contains.
pub fn with_defaults(lesson: &Lesson, command: Command) -> Command {
    let defaults = &lesson.defaults;
    let mut values = vec![
        ("epochs", defaults.epochs.to_string()),
        ("lr", defaults.lr.to_string()),
        ("hidden_size", defaults.hidden_size.to_string()),
        ("num_layers", defaults.num_layers.to_string()),
        ("out", lesson.default_out()),
    ];
    values.extend(defaults.batch_size.map(|size| ("batch_size", size.to_string())));
    let command = command.name(lesson.name).mut_subcommands(|command| named(lesson, command));
    values.into_iter().fold(command, |command, (id, value)| {
        if command.get_arguments().any(|argument| argument.get_id() == id) {
            command.mut_arg(id, |argument| argument.required(false).default_value(value))
        } else {
            command
        }
    })
}

/// The help of a subcommand says LESSON where the lesson's name belongs.
fn named(lesson: &Lesson, command: Command) -> Command {
    command.mut_args(|argument| match argument.get_help().map(ToString::to_string) {
        Some(help) if help.contains("LESSON") => argument.help(help.replace("LESSON", lesson.name)),
        _ => argument,
    })
}

/// What clap's own rules cannot say: `--cuda` beside another `--device` is a contradiction, beside `cuda:1` it is not; and
/// the fused backend has no CUDA.
pub(crate) fn check_contradictions(command: &mut Command, matches: &ArgMatches) -> Result<(), clap::Error> {
    let (Ok(Some(&device)), Ok(Some(&backend))) =
        (matches.try_get_one::<DeviceChoice>("device"), matches.try_get_one::<Backend>("backend"))
    else {
        return Ok(()); // a parser without TrainArgs
    };
    let cuda = is_typed(matches, "cuda");
    let contradiction = match (device, backend) {
        (DeviceChoice::Cuda(_), Backend::Fused) => {
            let device = if cuda { "--cuda".to_owned() } else { format!("--device {device}") };
            format!("--backend fused computes on the CPU and contradicts {device}; use --device cpu or --backend exact")
        }
        (DeviceChoice::Auto | DeviceChoice::Cpu, _) if cuda && is_typed(matches, "device") => {
            format!("--cuda contradicts --device {device}; give one of them")
        }
        _ => return Ok(()),
    };
    Err(command.error(ErrorKind::ArgumentConflict, contradiction))
}

/// Whether the option stands on the command line; false for one that the lesson does not have.
pub(crate) fn is_typed(matches: &ArgMatches, id: &str) -> bool {
    matches!(matches.try_contains_id(id), Ok(true)) && matches.value_source(id) == Some(ValueSource::CommandLine)
}

fn at_least_one<T: FromStr + PartialOrd + From<u8>>(text: &str) -> Result<T, String> {
    match text.parse::<T>() {
        Ok(number) if number >= T::from(1) => Ok(number),
        _ => Err("expected a whole number of at least 1".to_owned()),
    }
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number > 0.0 => Ok(number),
        _ => Err("expected a number above 0".to_owned()),
    }
}
