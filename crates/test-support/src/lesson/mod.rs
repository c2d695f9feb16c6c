//! Checks that the tests of all lessons share. A lesson is tested as its users run it: as a program.
//!
//! | module | what it holds |
//! |---|---|
//! | `training` | trains a lesson and reads its losses |
//! | `accuracy` | how exact losses must be, beside those of another computation |
//! | `backend` | `--backend fused` |
//! | `device` | `--device cuda` |
//! | `comparison` | `compare`, a lesson's results beside its notebook's |
//! | `processes` | runs a lesson as a process group |
//! | `output` | reads what a lesson printed and wrote |

mod accuracy;
mod backend;
mod comparison;
mod device;
mod output;
mod processes;
mod training;

pub use accuracy::assert_accurate_losses;
pub use backend::{assert_accurate_fused_losses, assert_exact_resume, equal_to_four_digits};
pub use comparison::{assert_compared_with_tolerance, assert_equal_bits, compare, compare_live};
pub use device::{assert_resumes_on_other_device, assert_same_losses_on_device};
pub use output::{file_names, json_file, text};
pub use processes::{run_processes, start_processes};
pub use training::Lesson;
