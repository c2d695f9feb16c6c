//! The commands that every lesson has besides training.

use anyhow::Result;
use clap::Subcommand;
use lesson_kit::{CommandLine, EvalArgs, Program, doctor};

use crate::args::CompareArgs;
use crate::compare::compare;
use crate::tolerances::Tolerances;

/// `eval`, `compare` and `doctor`. A lesson flattens them into its own subcommands.
#[derive(Subcommand, Debug)]
pub enum SharedCommand {
    /// Score a trained model on the test data
    Eval(EvalArgs),
    /// Compare this program with the reference notebook, number by number
    Compare(CompareArgs),
    /// Print which libtorch, CPU and CUDA devices the program finds, and what to do if CUDA does not work
    Doctor,
}

impl SharedCommand {
    /// Runs the command.
    ///
    /// # Errors
    /// The errors of [`CommandLine::eval`], [`compare()`] and [`doctor()`].
    pub fn run<C: CommandLine>(self, mut cli: C, program: &Program, tolerances: &Tolerances) -> Result<()> {
        match self {
            SharedCommand::Eval(args) => cli.eval(program, &args.model(&program.lesson)?),
            SharedCommand::Compare(args) => compare(cli, program, &args, tolerances),
            SharedCommand::Doctor => doctor(cli.options().0),
        }
    }
}
