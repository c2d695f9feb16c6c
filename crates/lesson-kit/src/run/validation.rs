//! What a run that validates its epochs needs at its end, and text files beside its model.

use anyhow::Result;

use super::Run;
use crate::atomic;

impl Run {
    /// Gives the parameters the values that they had at the best epoch: the one with the lowest loss, which is the
    /// validation's where [`Run::record_validated`] was given it. They stay as they are if no epoch was recorded.
    ///
    /// It belongs after the loop: a checkpoint is to hold the last values.
    ///
    /// # Errors
    /// If libtorch cannot copy them.
    pub fn load_best(&self) -> Result<()> {
        if let Some(best) = self.kept.best() {
            let watched = self.kept.watched().iter().map(|(name, tensor)| (name.as_str(), tensor));
            best.state_dict().load_into(self.lesson.name, watched, true)?;
        }
        Ok(())
    }

    /// Writes a text file of the lesson's own into the run folder, whole or not at all; in a dry run, nothing.
    ///
    /// As everything that is written, it comes after the first record.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn save_text(&mut self, name: &str, text: &str) -> Result<()> {
        self.claim_folder()?;
        self.folder.as_ref().map_or(Ok(()), |folder| atomic::write(&folder.file(name), text.as_bytes()))
    }
}
