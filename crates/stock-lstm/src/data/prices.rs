//! Reads a file of daily prices.

use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use csv::{ReaderBuilder, StringRecord, Trim};
use jiff::civil::Date;
use pt_file::regular_file;

use super::columns::{Columns, Row};
use super::dates::{Dates, Order};

/// The number of days in a window, as on the slides. A series has at least this many days.
pub const SEQ_LENGTH: usize = 7;

/// The limit on the size of a price file: a century of daily prices takes 3 MB.
const MAX_FILE: u64 = 64 << 20;

/// The days of a price file, the oldest first; at least one window of them.
#[derive(Debug)]
pub struct Prices {
    rows: Vec<Row>,
    dates: Vec<Date>,
    order: Order,
}

impl Prices {
    /// Reads a CSV file in UTF-8. Lines that start with `#` are comments.
    ///
    /// A header names the columns Open, High, Low, Volume and Close, and optionally Date. Without a header the columns have
    /// this order, with or without a date before them. The dates decide the order of the lines; without dates it is
    /// `undated`.
    ///
    /// # Errors
    /// If the file cannot be read, has a wrong value or has too few days. The message names the file, line and column.
    pub fn read(path: &Path, undated: Order) -> Result<Prices> {
        let prices = || Prices::parse(utf8(&regular_file::read(path, MAX_FILE).map_err(unreadable)?)?, undated);
        prices().with_context(|| format!("--csv {}", path.display()))
    }

    /// Parses the text of a price file; see [`Prices::read`].
    ///
    /// # Errors
    /// If the text has a wrong value or too few days. The message names the line and column.
    pub fn parse(text: &str, undated: Order) -> Result<Prices> {
        let text = text.trim_start_matches('\u{feff}'); // the byte order mark that some spreadsheets write
        let mut reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .comment(Some(b'#'))
            .trim(Trim::All)
            .from_reader(text.as_bytes());
        let mut lines = Lines::default();
        for record in reader.records() {
            let record = record?;
            lines.push(&record).with_context(|| format!("line {}", line_number(text, &record)))?;
        }
        lines.into_prices(undated)
    }

    /// The values of the days, the oldest day first.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The digest of the values.
    pub fn digest(&self) -> String {
        lesson_kit::data_digest(self.rows.iter().flatten().map(|value| value.to_le_bytes()))
    }

    /// The dates of the days, the oldest first; empty if the file has no dates.
    pub fn dates(&self) -> &[Date] {
        &self.dates
    }

    /// The order of the lines in the file.
    pub fn order(&self) -> Order {
        self.order
    }
}

/// The lines read so far.
#[derive(Default)]
struct Lines {
    columns: Option<Columns>,
    dates: Dates,
    rows: Vec<Row>,
}

impl Lines {
    fn push(&mut self, record: &StringRecord) -> Result<()> {
        if record.len() == 1 && record[0].is_empty() {
            return Ok(()); // a line of spaces
        }
        let columns = match &self.columns {
            Some(columns) => columns,
            None => match Columns::from_header(record)? {
                Some(columns) => {
                    self.columns = Some(columns);
                    return Ok(());
                }
                None => self.columns.insert(Columns::without_header(record)?),
            },
        };
        if let Some((column, date)) = columns.date(record)? {
            self.dates.push(date).with_context(|| format!("column {column} (Date)"))?;
        }
        self.rows.push(columns.row(record)?);
        Ok(())
    }

    fn into_prices(self, undated: Order) -> Result<Prices> {
        let Lines { columns: _, dates, mut rows } = self;
        ensure!(!rows.is_empty(), "the file has no prices");
        ensure!(rows.len() >= SEQ_LENGTH, "too few days: {}; a window has {SEQ_LENGTH}", rows.len());
        let order = dates.order().unwrap_or(undated);
        let mut dates = dates.into_vec();
        if order == Order::NewestFirst {
            rows.reverse();
            dates.reverse();
        }
        Ok(Prices { rows, dates, order })
    }
}

/// The number of a record's line, counted from 1 as in an editor.
///
/// The position that csv reports is the end of the record before; comments and empty lines can follow it.
fn line_number(text: &str, record: &StringRecord) -> u64 {
    let Some(position) = record.position() else { return 0 };
    let rest = usize::try_from(position.byte()).ok().and_then(|byte| text.get(byte..)).unwrap_or_default();
    let skipped = rest.lines().take_while(|line| line.is_empty() || line.starts_with('#')).count();
    position.line() + skipped as u64
}

fn unreadable(error: std::io::Error) -> anyhow::Error {
    let hint = match error.kind() {
        ErrorKind::NotFound => "; the default, data/goog.csv, is in the top folder of the repository: run from there",
        _ => "",
    };
    anyhow!("cannot read this file: {error}{hint}")
}

fn utf8(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(|error| {
        let (good, bad) = bytes.split_at(error.valid_up_to());
        let line = 1 + good.iter().filter(|&&byte| byte == b'\n').count();
        anyhow!("line {line}: the text is not UTF-8 (byte {:#04x}); save it as UTF-8", bad[0])
    })
}
