//! What a process does that torchrun has put in the place of one that ended (`--max-restarts`).

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::Result;
use clap::ArgMatches;

use super::{Processes, current};
use crate::run_folder;

/// The word that rank 0 leaves when the run has taken its folder over.
const CLAIMED: &str = "the folder is ours";

/// After a restart: the command line that goes on with the run of the attempt before, if that one had come to write
/// anything; from its checkpoint, or from the beginning if there is none yet. `None` where nothing changes.
///
/// What lay in the folder before this job is never gone on with: that only `--resume` does.
///
/// # Errors
/// If a process is lost.
pub(crate) fn arguments_after_restart(matches: &ArgMatches, arguments: &[OsString]) -> Result<Option<Vec<OsString>>> {
    let Some(processes) = current().filter(|processes| processes.restarts() > 0) else { return Ok(None) };
    let Ok(Some(out)) = matches.try_get_one::<PathBuf>("out") else { return Ok(None) };
    let begun = processes.group.store_check(CLAIMED)?;
    let saved = out.join(run_folder::CHECKPOINT).exists();
    let how = match processes.number_of_first(i64::from(begun) + i64::from(begun && saved))? {
        0 => return Ok(None),
        1 => "--overwrite",
        _ => "--resume",
    };
    let (program, typed) = arguments.split_at(1.min(arguments.len()));
    let typed = typed.iter().filter(|argument| *argument != "--overwrite" && *argument != "--resume");
    Ok(Some(program.iter().cloned().chain([how.into()]).chain(typed.cloned()).collect()))
}

impl Processes {
    /// How often torchrun has started the processes anew, on this machine or another.
    pub(crate) fn restarts(&self) -> i64 {
        self.group.restarts()
    }

    /// Rank 0 has begun to write into the run folder: from here on a restart goes on with it.
    pub(crate) fn folder_is_ours(&self) -> Result<()> {
        Ok(self.group.store_set(CLAIMED)?)
    }
}
