//! Command-line options that all lessons have.
//!
//! A lesson flattens [`RunArgs`] and [`Hyperparameters`], and [`BatchArgs`] if it trains in batches, into its own parser.
//! The definitions have no defaults: [`with_defaults`] inserts the lesson's own, so `--help` shows the notebook's values.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgAction, ArgMatches, Args, Command, parser::ValueSource};
use recurrent::Backend;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};
use torch_ext::Format;

use crate::Lesson;

/// Options that determine the numbers of a run. `config.json` and `checkpoint.pt` store them under these names.
#[derive(Args, Debug, Clone, Serialize, Deserialize)]
pub struct Hyperparameters {
    /// Number of passes over the training data
    #[arg(short, long, value_name = "N", value_parser = from_one_to(u32::MAX), allow_negative_numbers = true)]
    pub epochs: u32,

    /// Learning rate of the optimizer
    #[arg(long, value_name = "X", value_parser = positive, allow_negative_numbers = true)]
    pub lr: f64,

    /// Seed of the random number generator: the same seed gives the same run
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    pub seed: i64,

    /// Number of features in the hidden state of the recurrent layer
    #[arg(long, value_name = "N", value_parser = from_one_to(MAX_HIDDEN_SIZE), allow_negative_numbers = true)]
    pub hidden_size: i64,

    /// Number of stacked recurrent layers
    #[arg(long, value_name = "N", value_parser = from_one_to(MAX_LAYERS), allow_negative_numbers = true)]
    pub num_layers: i64,

    /// Implementation of the recurrent layer: exact (libtorch's operations, PyTorch's bits) or fused (CPU kernels for whole
    /// sequences, PyTorch's numbers up to rounding, faster). Gates are always computed by exact
    #[arg(global = true, long, value_name = "BACKEND", value_parser = backend_parser(), hide_possible_values = true,
          default_value = "exact")]
    #[serde(serialize_with = "as_text", deserialize_with = "from_text", default = "exact")]
    pub backend: Backend,
}

/// The options of a lesson that `config.json` and `checkpoint.pt` store, under the names of the command line.
pub trait Options: Serialize + DeserializeOwned {
    /// The options that all lessons have.
    fn hyperparameters(&self) -> &Hyperparameters;
}

impl Options for Hyperparameters {
    fn hyperparameters(&self) -> &Hyperparameters {
        self
    }
}

/// Options of the lessons that train in batches. They are stored like [`Hyperparameters`].
#[derive(Args, Debug, Clone, Serialize, Deserialize)]
pub struct BatchArgs {
    /// Number of examples per batch
    #[arg(short, long, value_name = "N", value_parser = from_one_to(i64::MAX), allow_negative_numbers = true)]
    pub batch_size: i64,

    /// Train on the first N batches of each epoch only
    #[arg(long, value_name = "N", value_parser = from_one_to(usize::MAX), allow_negative_numbers = true)]
    pub limit: Option<usize>,
}

/// Options for the device, the files and the output of a command.
#[derive(Args, Debug, Clone)]
pub struct RunArgs {
    /// Device: auto, cpu, cuda or cuda:N. `auto` uses CUDA if it is available and prints its choice; `cuda` never falls back to
    /// the CPU
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

    /// Number of CPU threads of libtorch [default: chosen by libtorch]
    #[arg(global = true, long, value_name = "N", value_parser = threads, allow_negative_numbers = true)]
    pub threads: Option<i32>,

    /// Run folder: receives the model, the metrics and the plots
    #[arg(short, long, value_name = "DIR")]
    pub out: PathBuf,

    /// Continue the unfinished run in the run folder, to the same bits as without an interruption. On another --device the
    /// next loss is equal within 5e-5. Options that are not typed come from the checkpoint; with a larger --epochs a finished
    /// run continues too
    #[arg(long, conflicts_with_all = ["overwrite", "dry_run"])]
    pub resume: bool,

    /// With --resume: continue although the training data has changed since the run began
    #[arg(long, requires = "resume")]
    pub allow_changed_data: bool,

    /// Replace what is in the run folder: an unfinished run, a run of another lesson, files of unknown origin
    #[arg(long)]
    pub overwrite: bool,

    /// Under torchrun: how many seconds a process waits for another one before it fails
    #[arg(global = true, long, value_name = "SECONDS", value_parser = from_one_to(MAX_TIMEOUT), default_value_t = 60, allow_negative_numbers = true)]
    pub dist_timeout: u64,

    /// Write checkpoint.pt after every Nth epoch and at the end [default: after every epoch, if writing takes less than 1/20 of
    /// the time]
    #[arg(long, value_name = "N", value_parser = from_one_to(u32::MAX), allow_negative_numbers = true)]
    pub checkpoint_every: Option<u32>,

    /// Format of the model file: pt (torch.load) or safetensors
    #[arg(long, value_name = "FORMAT", default_value_t = Format::Pt)]
    pub format: Format,

    /// Do one step of everything and write nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Do not train: print the model's equations, its parameters, and the tensor shapes of one batch
    #[arg(long, conflicts_with_all = ["resume", "dry_run"])]
    pub explain: bool,

    /// Draw no pictures
    #[arg(global = true, long)]
    pub no_plots: bool,

    /// Print the summary as one JSON object on stdout, and nothing else there
    #[arg(global = true, long)]
    pub json: bool,

    /// Print only errors on stderr; results still go to stdout
    #[arg(global = true, short, long, conflicts_with = "verbose")]
    pub quiet: bool,

    /// Print more: settings, versions, and libtorch's errors with their C++ backtrace
    #[arg(global = true, short, long, action = ArgAction::SetTrue)]
    pub verbose: bool,

    /// Show neither a progress bar nor a line per epoch
    #[arg(global = true, long)]
    pub no_progress: bool,
}

/// Value of `--device`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceChoice {
    /// CUDA if it is available, otherwise the CPU.
    Auto,
    /// The CPU.
    Cpu,
    /// The CUDA device with this index, or an error.
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

/// Inserts the lesson's defaults into the definitions of [`Hyperparameters`], [`RunArgs`] and [`BatchArgs`] in `command`.
pub(crate) fn with_defaults(lesson: &Lesson, command: Command) -> Command {
    let defaults = &lesson.defaults;
    let mut values = vec![
        ("epochs", defaults.epochs.to_string()),
        ("lr", defaults.lr.to_string()),
        ("hidden_size", defaults.hidden_size.to_string()),
        ("num_layers", defaults.num_layers.to_string()),
        ("out", lesson.default_out()),
    ];
    values.extend(defaults.batch_size.map(|size| ("batch_size", size.to_string())));
    let command = command.name(lesson.name).mut_subcommands(|command| with_lesson_name(lesson, command));
    values.into_iter().fold(command, |command, (id, value)| {
        if command.get_arguments().any(|argument| argument.get_id() == id) {
            command.mut_arg(id, |argument| argument.required(false).default_value(value))
        } else {
            command
        }
    })
}

/// Replaces LESSON in the help of a subcommand by the lesson's name.
fn with_lesson_name(lesson: &Lesson, command: Command) -> Command {
    command.mut_args(|argument| match argument.get_help().map(ToString::to_string) {
        Some(help) if help.contains("LESSON") => argument.help(help.replace("LESSON", lesson.name)),
        _ => argument,
    })
}

/// Contradictions that clap's rules cannot express: `--cuda` with another `--device` (`cuda:1` is fine), and the fused backend
/// on CUDA.
pub(crate) fn contradiction(matches: &ArgMatches, device: DeviceChoice, backend: Backend) -> Option<String> {
    let cuda = is_typed(matches, "cuda");
    match (device, backend) {
        (DeviceChoice::Cuda(_), Backend::Fused) => {
            let device = if cuda { "--cuda".to_owned() } else { format!("--device {device}") };
            Some(format!(
                "--backend fused computes on the CPU and contradicts {device}; use --device cpu or --backend exact"
            ))
        }
        (DeviceChoice::Auto | DeviceChoice::Cpu, _) if cuda && is_typed(matches, "device") => {
            Some(format!("--cuda contradicts --device {device}; give one of them"))
        }
        _ => None,
    }
}

/// Whether the option is on the command line; false for an option that the lesson does not have.
pub(crate) fn is_typed(matches: &ArgMatches, id: &str) -> bool {
    matches!(matches.try_contains_id(id), Ok(true)) && matches.value_source(id) == Some(ValueSource::CommandLine)
}

/// A year, in seconds.
const MAX_TIMEOUT: u64 = 365 * 24 * 3600;
/// A network with thousands of layers takes minutes to build, and a file of 1 MB can name 15,000 of them.
pub(crate) const MAX_LAYERS: i64 = 256;
/// The parameters of a larger layer would need terabytes.
const MAX_HIDDEN_SIZE: i64 = 1_000_000;

impl Hyperparameters {
    /// Checks the values of a checkpoint like those of the command line.
    pub(crate) fn check(&self) -> Result<(), String> {
        let sizes = [("hidden_size", self.hidden_size, MAX_HIDDEN_SIZE), ("num_layers", self.num_layers, MAX_LAYERS)];
        let epochs = [("epochs", i64::from(self.epochs), i64::from(u32::MAX))];
        match sizes.into_iter().chain(epochs).find(|(_, value, max)| !(1..=*max).contains(value)) {
            Some((key, value, max)) => Err(format!("{key} = {value}: {}", expected(max))),
            None => Ok(()),
        }
    }
}

/// Parser of a whole number from 1 to `max`.
fn from_one_to<T>(max: T) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static
where
    T: FromStr + PartialOrd + From<bool> + fmt::Display + Copy + Send + Sync + 'static,
{
    move |text| {
        let number = text.parse::<T>().ok().filter(|number| (T::from(true)..=max).contains(number));
        number.ok_or_else(|| expected(max))
    }
}

fn expected(max: impl fmt::Display) -> String {
    format!("expected a whole number from 1 to {max}")
}

/// Parser of `--threads`.
fn threads(text: &str) -> Result<i32, String> {
    check_threads(text.parse().unwrap_or(0))
}

/// Checks a number of threads. Each thread has a stack of its own: many thousands of threads end the process.
///
/// # Errors
/// If it is not in 1 to 16 times the number of cores. Up to 256 are always valid, so that a run can move between machines.
pub fn check_threads(threads: i64) -> Result<i32, String> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let max = (16 * cores).max(256);
    let valid = i32::try_from(threads).ok().filter(|&threads| (1..=max as i64).contains(&threads.into()));
    valid.ok_or_else(|| format!("{}, because this machine has {cores} cores", expected(max)))
}

/// Parser of an option whose value is a finite number above 0.
pub fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number > 0.0 => Ok(number),
        _ => Err("expected a number above 0".to_owned()),
    }
}

fn backend_parser() -> impl TypedValueParser<Value = Backend> {
    PossibleValuesParser::new(["exact", "fused"]).try_map(|name| name.parse::<Backend>())
}

fn exact() -> Backend {
    Backend::Exact // the backend of checkpoints without this entry
}

pub(crate) fn as_text<S: Serializer>(value: &impl fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn from_text<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Backend, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}
