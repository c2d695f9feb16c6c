//! Valid files with random damage: the reader accepts or rejects them, without panics, hangs or excessive memory.

use std::fs;
use std::io::{self, Cursor, Read};
use std::path::Path;

use pt_file::{Error, Value};
use zip::ZipArchive;

use crate::craft;
use crate::samples::{checkpoint, dtypes, saved, shared, values};

/// The number of files per test. For a long run: `PT_FILE_MUTATIONS=5000000 cargo test --release`.
fn rounds() -> u64 {
    std::env::var("PT_FILE_MUTATIONS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(5_000)
}

/// Marsaglia's xorshift generator. It gives the same numbers in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }

    /// Makes one to four changes: replaces a byte, flips a bit, removes a byte, duplicates or copies some bytes, or
    /// truncates.
    fn damage(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len().max(1));
            let to = (at + self.below(16)).min(bytes.len());
            match self.below(6) {
                _ if bytes.is_empty() => bytes.push(b'.'),
                0 => bytes[at] = self.below(256) as u8,
                1 => bytes[at] ^= 1 << self.below(8),
                2 => drop(bytes.remove(at)),
                3 => bytes.splice(at..at, bytes[at..to].to_vec()).for_each(drop),
                4 => {
                    let other = self.below(bytes.len());
                    let part = bytes[at..to].to_vec();
                    bytes.splice(other..other, part).for_each(drop);
                }
                _ => bytes.truncate(bytes.len() - self.below(8).min(bytes.len())),
            }
        }
    }
}

/// Files that we wrote.
fn seeds() -> Vec<Vec<u8>> {
    [values(), dtypes(), shared(), checkpoint(), Value::list([1, 2])].iter().map(saved).collect()
}

/// Files of every container and kind of object, malicious ones, and a safetensors file.
fn seeds_of_every_format() -> Vec<Vec<u8>> {
    let folders = ["tests/samples", "tests/malicious"].into_iter();
    let files = folders.flat_map(|folder| fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = files.filter(|path| path.extension().is_some_and(|extension| extension == "pt")).collect();
    paths.sort();
    let mut seeds: Vec<_> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
    let header = br#"{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
    seeds.push([&(header.len() as u64).to_le_bytes()[..], header, &[0; 8]].concat());
    seeds
}

/// Whether a file is accepted. If it is, the value can be written and read again, and then has the same bytes.
fn is_accepted(file: &[u8]) -> bool {
    let Ok(value) = pt_file::load(Cursor::new(file)).map_err(|error| error.to_string()) else { return false };
    let mut first = Vec::new();
    match pt_file::save(&mut first, &value) {
        Err(Error::Unwritable { .. } | Error::Cycle { .. }) => return true, // objects and back references
        result => result.unwrap(),
    }
    assert!(first == saved(&pt_file::load(Cursor::new(&first)).unwrap()), "{value:?}");
    true
}

#[test]
#[ignore = "writes the valid files to fuzz/corpus, as seeds for the fuzz targets"]
fn write_fuzz_seeds() {
    let folder = Path::new("fuzz/corpus");
    for target in ["file", "pickle", "code"] {
        fs::create_dir_all(folder.join(target)).unwrap();
    }
    for (index, file) in seeds().iter().enumerate() {
        fs::write(folder.join(format!("pickle/seed{index}")), &records(file)[0].1).unwrap();
    }
    let script = fs::read("tests/samples/script_attributes.pt").unwrap();
    let code = records(&script).into_iter().filter(|(name, _)| name.ends_with(".py"));
    for (index, (_, code)) in code.enumerate() {
        fs::write(folder.join(format!("code/seed{index}")), code).unwrap();
    }
    for (index, file) in seeds().iter().chain(&seeds_of_every_format()).enumerate() {
        fs::write(folder.join(format!("file/seed{index}")), file).unwrap();
    }
}

#[test]
fn damaged_files_of_every_format_do_not_crash_the_reader() {
    let (seeds, mut random, mut accepted) = (seeds_of_every_format(), Random(3), 0);
    for round in 0..rounds() {
        let mut file = seeds[round as usize % seeds.len()].clone();
        random.damage(&mut file);
        accepted += u64::from(is_accepted(&file));
    }
    assert!(accepted > 0 && accepted < rounds(), "{accepted} of {} were accepted", rounds());
}

#[test]
fn damaged_files_do_not_crash_the_reader() {
    let (seeds, mut random, mut accepted) = (seeds(), Random(1), 0);
    for round in 0..rounds() {
        let mut file = seeds[round as usize % seeds.len()].clone();
        random.damage(&mut file);
        accepted += u64::from(is_accepted(&file));
    }
    assert!(accepted < rounds(), "no damage was detected");
}

/// Here the checksums are correct, so that the unpickler gets the damaged data.
#[test]
fn damaged_pickles_do_not_crash_the_reader() {
    let (mut random, mut accepted) = (Random(2), 0);
    // The `zip` crate does not read an archive without checksums.
    let is_archive = |file: &Vec<u8>| {
        ZipArchive::new(Cursor::new(file)).is_ok_and(|mut archive| {
            (0..archive.len()).all(|index| io::copy(&mut archive.by_index(index).unwrap(), &mut io::sink()).is_ok())
        })
    };
    let files = seeds().into_iter().chain(seeds_of_every_format()).filter(is_archive);
    let seeds: Vec<_> = files.map(|file| records(&file)).filter(|records| records[0].0.ends_with("data.pkl")).collect();
    for round in 0..rounds() {
        let mut records = seeds[round as usize % seeds.len()].clone();
        random.damage(&mut records[0].1);
        let records: Vec<_> = records.iter().map(|(name, content)| (name.as_str(), content.as_slice())).collect();
        accepted += u64::from(is_accepted(&craft::archive(&records)));
    }
    assert!(accepted > 0 && accepted < rounds(), "{accepted} of {} were accepted", rounds());
}

/// Names and contents of the records. The first is the pickle.
fn records(file: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = ZipArchive::new(Cursor::new(file)).unwrap();
    let count = archive.len();
    let mut record = |index| {
        let mut record = archive.by_index(index).unwrap();
        let mut content = Vec::new();
        record.read_to_end(&mut content).unwrap();
        (record.name().unwrap().to_string(), content)
    };
    (0..count).map(&mut record).collect()
}
