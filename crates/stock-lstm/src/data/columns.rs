//! Where in a line the columns stand.

use anyhow::{Context, Result, bail, ensure};
use csv::StringRecord;

use super::{COLUMNS, Date, Row};

const DATE: &str = "Date";

/// The place of each column, counted from 0, as the first line of a file gives it.
#[derive(Debug)]
pub struct Layout {
    /// Whether the first line is a header.
    pub header: bool,
    date: Option<usize>,
    places: [usize; COLUMNS.len()],
    /// The cells that every line has.
    width: usize,
}

impl Layout {
    /// From a file's first line: its header, or the first row of a file that has none.
    ///
    /// A line is a header if it names one of the columns, or holds no number at all.
    ///
    /// # Errors
    /// If the header lacks a column or has it twice; without a header, if the line has not the cells of [`COLUMNS`], or
    /// these and a date before them.
    pub fn of(first: &StringRecord) -> Result<Layout> {
        let names_a_column = COLUMNS.iter().chain([&DATE]).any(|name| places_of(first, name).next().is_some());
        let has_a_number = first.iter().any(|cell| cell.parse::<f64>().is_ok());
        if names_a_column || !has_a_number { Layout::of_header(first) } else { Layout::of_row(first) }
    }

    /// Columns may stand in any order, among others, in upper or lower case.
    fn of_header(header: &StringRecord) -> Result<Layout> {
        let mut places = [0; COLUMNS.len()];
        for (place, name) in places.iter_mut().zip(COLUMNS) {
            *place = only_place(header, name)?.with_context(|| {
                let header = shown(&header.iter().collect::<Vec<_>>().join(","));
                format!("the header {header} has no column {name} (commas separate columns)")
            })?;
        }
        Ok(Layout { header: true, date: only_place(header, DATE)?, places, width: header.len() })
    }

    fn of_row(row: &StringRecord) -> Result<Layout> {
        let dated = row.len() == COLUMNS.len() + 1 && row.get(0).is_some_and(|cell| Date::parse(cell).is_some());
        let date = dated.then_some(0);
        ensure!(
            dated || row.len() == COLUMNS.len(),
            "{}; without a header a line is {}, or these with a date (2013-03-01) before them",
            cells(row),
            COLUMNS.join(",")
        );
        Ok(Layout {
            header: false,
            date,
            places: std::array::from_fn(|index| index + usize::from(dated)),
            width: row.len(),
        })
    }

    /// The values of a line.
    ///
    /// # Errors
    /// If the line has not as many cells as the first, or a cell is not a finite number.
    pub fn row(&self, record: &StringRecord) -> Result<Row> {
        let mut row = [0.0; COLUMNS.len()];
        for ((value, place), name) in row.iter_mut().zip(self.places).zip(COLUMNS) {
            *value =
                number(self.cell(record, place, name)?).with_context(|| format!("column {} ({name})", place + 1))?;
        }
        // One cell too many may be a number written with a comma: all that follow would be read as another column.
        ensure!(record.len() == self.width, "{} where the first line has {}", cells(record), self.width);
        Ok(row)
    }

    /// The date of a line and its column, counted from 1; `None` in a file without dates.
    ///
    /// # Errors
    /// If the line is too short.
    pub fn date<'r>(&self, record: &'r StringRecord) -> Result<Option<(usize, &'r str)>> {
        self.date.map(|place| Ok((place + 1, self.cell(record, place, DATE)?))).transpose()
    }

    fn cell<'r>(&self, record: &'r StringRecord, place: usize, name: &str) -> Result<&'r str> {
        record.get(place).with_context(|| {
            format!(
                "column {} ({name}) is missing: {} where the first line has {}",
                place + 1,
                cells(record),
                self.width
            )
        })
    }
}

fn places_of<'r>(header: &'r StringRecord, name: &'r str) -> impl Iterator<Item = usize> {
    header.iter().enumerate().filter(move |(_, cell)| cell.eq_ignore_ascii_case(name)).map(|(place, _)| place)
}

fn only_place(header: &StringRecord, name: &str) -> Result<Option<usize>> {
    let mut places = places_of(header, name);
    match (places.next(), places.next()) {
        (Some(first), Some(second)) => {
            bail!("the header has {name} twice, as columns {} and {}", first + 1, second + 1)
        }
        (place, _) => Ok(place),
    }
}

fn number(cell: &str) -> Result<f64> {
    ensure!(!cell.is_empty(), "the cell is empty");
    match cell.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        Ok(_) => bail!("{} is not a finite number", shown(cell)),
        Err(_) => bail!("{} is not a number", shown(cell)),
    }
}

/// Quoted, and not more of it than a message can bear: a stray quotation mark makes a cell of the rest of the file.
fn shown(text: &str) -> String {
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
