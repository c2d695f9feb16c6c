//! The options of `compare`.

use std::path::PathBuf;

use clap::Args;

/// Options of `compare`.
#[derive(Args, Debug, Clone)]
pub struct CompareArgs {
    /// Run the notebook's program now, in .venv, and demand equal bits (of --backend exact)
    #[arg(long)]
    pub live: bool,

    /// Do not train: compare the predictions and scores of these trained weights, written by Rust or Python
    #[arg(long, visible_alias = "model", value_name = "FILE", conflicts_with_all = ["epochs", "limit"])]
    pub checkpoint: Option<PathBuf>,

    /// With --live: the seed, instead of the notebook's
    #[arg(long, value_name = "N", requires = "live", allow_negative_numbers = true)]
    pub seed: Option<i64>,

    /// With --live: passes over the training data, instead of the notebook's
    #[arg(short, long, value_name = "N", requires = "live", value_parser = clap::value_parser!(u32).range(1..))]
    pub epochs: Option<u32>,

    /// With --live: batches of each epoch, for a lesson with batches
    #[arg(long, value_name = "N", requires = "live", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,

    /// Folder of the notebooks and their numbers
    #[arg(long, value_name = "DIR", default_value = "notebooks-ref")]
    pub notebooks: PathBuf,

    /// Run folder: receives the compared run, and the picture of both loss curves [default: models/LESSON-compare]
    #[arg(short, long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}
