//! Good files with random damage: the reader says yes or no, and never panics, hangs or eats the memory.

use std::io::{Cursor, Read};

use pt_file::Value;
use zip::ZipArchive;

use crate::craft;
use crate::samples::{checkpoint, dtypes, saved, shared, values};

/// How many of each kind; `PT_FILE_MUTATIONS=5000000 cargo test --release` for a long run.
fn rounds() -> u64 {
    std::env::var("PT_FILE_MUTATIONS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(5_000)
}

/// Marsaglia's xorshift: random enough, and the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }

    /// One to four times: another byte, a bit, a byte less, some bytes again or elsewhere, or an end.
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

fn seeds() -> Vec<Vec<u8>> {
    [values(), dtypes(), shared(), checkpoint(), Value::list([1, 2])].iter().map(saved).collect()
}

fn read(file: &[u8]) -> bool {
    pt_file::load(Cursor::new(file)).map_err(|error| error.to_string()).is_ok()
}

#[test]
fn damaged_files_are_survived() {
    let (seeds, mut random, mut good) = (seeds(), Random(1), 0);
    for round in 0..rounds() {
        let mut file = seeds[round as usize % seeds.len()].clone();
        random.damage(&mut file);
        good += u64::from(read(&file));
    }
    assert!(good < rounds(), "no damage was noticed");
}

/// Here the checksums are right, so that the damage reaches the machine.
#[test]
fn damaged_pickles_are_survived() {
    let (mut random, mut good) = (Random(2), 0);
    let seeds: Vec<_> = seeds().iter().map(|file| records(file)).collect();
    for round in 0..rounds() {
        let mut records = seeds[round as usize % seeds.len()].clone();
        random.damage(&mut records[0].1);
        let records: Vec<_> = records.iter().map(|(name, content)| (name.as_str(), content.as_slice())).collect();
        good += u64::from(read(&craft::archive(&records)));
    }
    assert!(good > 0 && good < rounds(), "{good} of {} were accepted", rounds());
}

/// Names and contents; the first is the pickle.
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
