//! The names of the files in a run folder.

/// All resolved options.
pub const CONFIG: &str = "config.json";
/// The limit on its size.
pub const MAX_CONFIG: u64 = 1 << 20;
/// One object per epoch.
pub const METRICS: &str = "metrics.jsonl";
/// The limit on its size: enough for thirty million epochs.
pub const MAX_METRICS: u64 = 4 << 30;
/// The final figures; the file exists if and only if the run is finished.
pub const SUMMARY: &str = "summary.json";
/// What `--resume` needs.
pub const CHECKPOINT: &str = "checkpoint.pt";
/// The last `state_dict`; the extension is the format.
pub const MODEL: &str = "model";
/// The `state_dict` with the lowest loss; the extension is the format.
pub const BEST: &str = "best";
/// The loss plot, without extension.
pub const LOSS: &str = "loss";
/// The picture of `compare`, without extension.
pub const COMPARE: &str = "compare";
/// A process that trains holds a lock on this file.
pub const LOCK: &str = ".lock";
/// The picture of `gates`, without extension.
pub const GATES: &str = "gates";
