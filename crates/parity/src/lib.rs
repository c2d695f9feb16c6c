//! `LESSON compare`: compares a lesson with its reference notebook, quantity by quantity.
//!
//! | module | content |
//! |---|---|
//! | `commands` | [`SharedCommand`]: the commands that every lesson has besides training |
//! | `args`, `compare` | [`CompareArgs`] and [`compare()`]: the command |
//! | `comparison` | [`Comparison`]: the numbers of both sides, and what is required |
//! | `reference`, `live` | the notebook's numbers: recorded in `notebooks-ref/expected`, or from a run of the notebook (`--live`) |
//! | [`tolerances`] | how far a lesson's numbers may differ if equal bits are not required |
//! | `verdict`, `distance` | one quantity of both sides |
//! | `report` | the table, the JSON object and the picture |
#![forbid(unsafe_code)]

mod args;
mod commands;
mod compare;
mod comparison;
mod distance;
mod live;
mod reference;
mod report;
pub mod tolerances;
mod verdict;

pub use args::CompareArgs;
pub use commands::SharedCommand;
pub use compare::compare;
pub use comparison::Comparison;
pub use tolerances::Tolerances;
pub use verdict::{FirstElements, Row};
