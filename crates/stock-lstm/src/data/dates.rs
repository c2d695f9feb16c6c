//! The dates of a price file and the order of its lines.

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use jiff::ToSpan;
use jiff::civil::{Date, Weekday};
use serde::{Deserialize, Serialize};

/// The order of the lines in a price file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// The newest day first, as in the notebook's file
    NewestFirst,
    /// The oldest day first
    OldestFirst,
}

impl Order {
    /// The order of a file in which a line of `next` follows a line of `date`.
    fn of(date: Date, next: Date) -> Order {
        if next < date { Order::NewestFirst } else { Order::OldestFirst }
    }
}

/// Parses `YYYY-MM-DD`; `None` for other text and for days that do not exist.
pub fn parse_date(text: &str) -> Option<Date> {
    // jiff also reads 20130301 and 2013-03-01T12:00, which a date column should not have.
    text.parse().ok().filter(|date: &Date| date.to_string() == text)
}

/// The next day from Monday to Friday. Holidays are not taken into account. `None` after jiff's last day, 9999-12-31.
pub fn next_weekday(date: Date) -> Option<Date> {
    date.series(1.day()).skip(1).find(|day| !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday))
}

/// The largest number of labels on an axis of dates.
const MAX_LABELS: usize = 7;

/// Labels for an axis of `dates`, each with the index of its date: the first date of each month, or single days if there are
/// fewer than three months.
pub fn date_ticks(dates: &[Date]) -> Vec<(usize, String)> {
    let month = |date: Date| (date.year(), date.month());
    let starts = dates.windows(2).enumerate().filter(|(_, pair)| month(pair[0]) != month(pair[1]));
    let months: Vec<_> = starts.map(|(index, pair)| (index + 1, pair[1].strftime("%Y-%m").to_string())).collect();
    let days = || dates.iter().map(ToString::to_string).enumerate().collect();
    let all: Vec<_> = if months.len() >= 3 { months } else { days() };
    let every = all.len().div_ceil(MAX_LABELS).max(1);
    all.into_iter().step_by(every).collect()
}

/// The dates of a file, line by line; all lines must have one order.
#[derive(Debug, Default)]
pub struct Dates(Vec<Date>);

impl Dates {
    /// Adds the date of the next line.
    ///
    /// # Errors
    /// If `text` is not a date like 2013-03-01, is the date of the line before, or breaks the order of the lines before.
    pub fn push(&mut self, text: &str) -> Result<()> {
        let date = parse_date(text).with_context(|| {
            format!("{text:?} is not a date like 2013-03-01; correct it, or remove the column and pass --order")
        })?;
        if let Some(&last) = self.0.last() {
            ensure!(date != last, "{date} is also the date of the line before");
            let [other, from, to] = match Order::of(last, date) {
                Order::NewestFirst => ["a newer", "old", "new"],
                Order::OldestFirst => ["an older", "new", "old"],
            };
            let keeps_order = self.order().is_none_or(|order| order == Order::of(last, date));
            ensure!(keeps_order, "{date} follows {other} date, but the lines before run from {from} to {to}");
        }
        self.0.push(date);
        Ok(())
    }

    /// The order of the lines; `None` for fewer than two dates.
    pub fn order(&self) -> Option<Order> {
        self.0.first_chunk().map(|&[first, second]| Order::of(first, second))
    }

    /// All dates, in the order of the file.
    pub fn into_vec(self) -> Vec<Date> {
        self.0
    }
}
