//! A zip archive: the records of one folder, which can have any name.

use std::collections::HashMap;
use std::io::{Read, Seek};

use super::archive_reader::ArchiveReader;
use super::source::MAX_PICKLE;
use super::{Container, Kind};
use crate::{ArchiveProblem, Error, Result};

/// The limit on the size of the small records `version` and `byteorder`.
const MAX_SMALL_RECORD: u64 = 64;

/// The archive versions that PyTorch 2.13 reads.
const VERSIONS: std::ops::RangeInclusive<u32> = 1..=10;

pub(super) fn open<R: Read + Seek>(source: R) -> Result<(Container<R>, Vec<u8>)> {
    let mut archive = ArchiveReader::new(source)?;
    let folder = find_folder(&archive)?;
    let is_big_endian = check_records(&mut archive, &folder)?;
    let pickle = archive.read(&format!("{folder}data.pkl"), MAX_PICKLE)?;
    Ok((Container { kind: Kind::Zip { archive, folder }, is_big_endian, externals: HashMap::new() }, pickle))
}

/// The folder of `data.pkl` in the archive, with its slash. There must be exactly one.
fn find_folder<R: Read + Seek>(archive: &ArchiveReader<R>) -> Result<String> {
    let folders = archive.names().filter_map(|name| name.strip_suffix("data.pkl"));
    let mut folders = folders.filter(|folder| folder.find('/') == folder.len().checked_sub(1));
    let problem = |problem| Error::Archive { record: Some("data.pkl".to_owned()), problem };
    match (folders.next(), folders.next()) {
        (Some(folder), None) => Ok(folder.to_owned()),
        (None, _) => Err(other_archive(archive).map_or(problem(ArchiveProblem::Missing), Error::NotACheckpoint)),
        (Some(_), Some(_)) => Err(problem(ArchiveProblem::Duplicate)),
    }
}

/// What an archive without `data.pkl` is.
fn other_archive<R: Read + Seek>(archive: &ArchiveReader<R>) -> Option<&'static str> {
    let kinds = [
        (
            ".npy",
            "an .npz archive of NumPy arrays; read it with numpy.load, and save torch.from_numpy(x) with torch.save",
        ),
        ("/archive_format", "a .pt2 archive of torch.export; save torch.export.load(path).state_dict with torch.save"),
        (
            "serialized_exported_program.json",
            "a .pt2 archive of torch.export; save torch.export.load(path).state_dict with torch.save",
        ),
        (
            "/extern_modules",
            "a torch.package archive, which is a program; save the state_dict() of its module with torch.save",
        ),
        (
            "/model.json",
            "a TorchScript archive of PyTorch 1.0; load it with torch.jit.load of PyTorch 1.0, because newer versions \
             reject it, and save its state_dict() with torch.save",
        ),
    ];
    let is_in = |end: &str| archive.names().any(|name| name.ends_with(end));
    kinds.into_iter().find(|(end, _)| is_in(end)).map(|(_, what)| what)
}

/// Checks the small records, which determine how to read the others. Returns whether the storages are big-endian.
fn check_records<R: Read + Seek>(archive: &mut ArchiveReader<R>, folder: &str) -> Result<bool> {
    let mut content = |name: &str| {
        let record = format!("{folder}{name}");
        archive.read(&record, MAX_SMALL_RECORD).map(|content| String::from_utf8_lossy(&content).trim_end().to_owned())
    };
    let unexpected = |name: &str, content: String| {
        Err(Error::Archive { record: Some(format!("{folder}{name}")), problem: ArchiveProblem::Content(content) })
    };
    let version = content("version")?;
    if !version.parse().is_ok_and(|version: u32| VERSIONS.contains(&version)) {
        return unexpected("version", version);
    }
    match content("byteorder") {
        Ok(order) if order == "little" => Ok(false),
        Ok(order) if order == "big" => Ok(true),
        Ok(order) => unexpected("byteorder", order),
        Err(Error::Archive { problem: ArchiveProblem::Missing, .. }) => Ok(false), // PyTorch writes it since version 2.0
        Err(error) => Err(error),
    }
}
