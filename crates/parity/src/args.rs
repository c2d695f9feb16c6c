//! The options of `compare`.

use std::path::PathBuf;

use clap::Args;

/// Options of `compare`.
#[derive(Args, Debug, Clone)]
pub struct CompareArgs {
    /// Run the notebook now, with the Python in .venv, and require equal bits (with --backend fused: within tolerances)
    #[arg(long)]
    pub live: bool,

    /// Do not train: compare the predictions and scores of these trained weights, written by Rust or Python
    #[arg(long, visible_alias = "model", value_name = "FILE", conflicts_with_all = ["epochs", "limit"])]
    pub checkpoint: Option<PathBuf>,

    /// With --live: the seed, instead of the notebook's
    #[arg(long, value_name = "N", requires = "live", allow_negative_numbers = true)]
    pub seed: Option<i64>,

    /// With --live: number of passes over the training data, instead of the notebook's
    #[arg(short, long, value_name = "N", requires = "live", value_parser = clap::value_parser!(u32).range(1..))]
    pub epochs: Option<u32>,

    /// With --live: train on the first N batches of each epoch only, in a lesson with batches
    #[arg(long, value_name = "N", requires = "live", value_parser = clap::value_parser!(u32).range(1..))]
    pub limit: Option<u32>,

    /// Folder of the notebooks and their recorded numbers
    #[arg(long, value_name = "DIR", default_value = "notebooks-ref")]
    pub notebooks: PathBuf,

    /// Run folder: receives the files of the run, and the picture of both loss curves [default: models/LESSON-compare]
    #[arg(short, long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}
