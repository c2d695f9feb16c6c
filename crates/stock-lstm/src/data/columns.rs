//! The columns of a price file and the numbers in them.
//!
//! The crate `csv` splits a line into cells. The numbers are converted here and not by serde: serde's errors have no column
//! for a missing cell, and serde accepts NaN and infinity.

use anyhow::{Context, Result, bail, ensure};
use csv::StringRecord;

use super::dates::parse_date;

/// The columns that the network reads, in the notebook's order.
pub const COLUMNS: [&str; 5] = ["Open", "High", "Low", "Volume", "Close"];
/// The index in [`COLUMNS`] of the close, which the network predicts.
pub const CLOSE: usize = 4;
/// The values of one day, in the order of [`COLUMNS`].
pub type Row = [f64; COLUMNS.len()];

const DATE: &str = "Date";

/// The place of each column in a line, and the number of cells in a line.
#[derive(Debug)]
pub struct Columns {
    /// The index of each of [`COLUMNS`].
    indices: [usize; COLUMNS.len()],
    /// The index of the date; `None` in a file without dates.
    date: Option<usize>,
    width: usize,
}

impl Columns {
    /// The columns of a header. They can be in any order and in upper or lower case, and other columns are ignored.
    ///
    /// Returns `None` if the first line is not a header: it names no column and contains a number.
    ///
    /// # Errors
    /// If a column is missing from the header or is in it twice.
    pub fn from_header(first: &StringRecord) -> Result<Option<Columns>> {
        let is_name = |cell: &str| COLUMNS.iter().chain([&DATE]).any(|name| cell.eq_ignore_ascii_case(name));
        if !first.iter().any(is_name) && first.iter().any(|cell| cell.parse::<f64>().is_ok()) {
            return Ok(None);
        }
        let mut indices = [0; COLUMNS.len()];
        for (index, name) in indices.iter_mut().zip(COLUMNS) {
            *index = find(first, name)?.with_context(|| {
                let header = quoted(&first.iter().collect::<Vec<_>>().join(","));
                format!("the header {header} has no column {name} (commas separate columns)")
            })?;
        }
        Ok(Some(Columns { indices, date: find(first, DATE)?, width: first.len() }))
    }

    /// The columns of a file without a header: [`COLUMNS`], with or without a date before them.
    ///
    /// # Errors
    /// If the first line has another number of cells.
    pub fn without_header(first: &StringRecord) -> Result<Columns> {
        let date = first.get(0).and_then(parse_date).map(|_| 0);
        let start = usize::from(date.is_some());
        ensure!(
            first.len() == start + COLUMNS.len(),
            "{}; without a header a line is {}, or these with a date (2013-03-01) before them",
            cells(first),
            COLUMNS.join(",")
        );
        Ok(Columns { indices: std::array::from_fn(|index| start + index), date, width: first.len() })
    }

    /// The date of a line and the number of its column, counted from 1; `None` in a file without dates.
    ///
    /// # Errors
    /// If the line is too short.
    pub fn date<'r>(&self, record: &'r StringRecord) -> Result<Option<(usize, &'r str)>> {
        self.date.map(|index| Ok((index + 1, self.cell(record, index, DATE)?))).transpose()
    }

    /// The values of a line.
    ///
    /// # Errors
    /// If a cell is missing or not a finite number, or the line has more cells than the first line.
    pub fn row(&self, record: &StringRecord) -> Result<Row> {
        let mut row = Row::default();
        for ((value, index), name) in row.iter_mut().zip(self.indices).zip(COLUMNS) {
            let cell = self.cell(record, index, name)?;
            *value = number(cell).with_context(|| format!("column {} ({name})", index + 1))?;
        }
        // An additional cell can come from a number with a comma, 1,000. The cells after it would be in the wrong column.
        ensure!(record.len() == self.width, "{} where the first line has {}", cells(record), self.width);
        Ok(row)
    }

    fn cell<'r>(&self, record: &'r StringRecord, index: usize, name: &str) -> Result<&'r str> {
        record.get(index).with_context(|| {
            let (column, found) = (index + 1, cells(record));
            format!("column {column} ({name}) is missing: {found} where the first line has {}", self.width)
        })
    }
}

/// The index of a column in a header; `None` if the header does not have it.
fn find(header: &StringRecord, name: &str) -> Result<Option<usize>> {
    let mut places = (0..header.len()).filter(|&index| header[index].eq_ignore_ascii_case(name));
    match (places.next(), places.next()) {
        (Some(first), Some(second)) => {
            bail!("the header has {name} twice, as columns {} and {}", first + 1, second + 1)
        }
        (place, _) => Ok(place),
    }
}

fn number(cell: &str) -> Result<f64> {
    match cell.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        Ok(_) => bail!("{} is not a finite number", quoted(cell)),
        Err(_) if cell.is_empty() => bail!("the cell is empty"),
        Err(_) => bail!("{} is not a number", quoted(cell)),
    }
}

/// The first 40 characters in quotation marks. After an unmatched quotation mark a cell contains the rest of the file.
fn quoted(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{:?}...", &text[..end]),
        None => format!("{text:?}"),
    }
}

fn cells(record: &StringRecord) -> String {
    match record.len() {
        1 => "1 cell".to_owned(),
        count => format!("{count} cells"),
    }
}
