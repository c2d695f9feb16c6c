//! Which way time runs in a file.

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use serde::Serialize;

/// The order of a file's lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// As the notebook's file.
    NewestFirst,
    /// Chronological.
    OldestFirst,
}

/// Finds the order of lines by their dates, and sees to it that all of them keep it.
#[derive(Debug, Default)]
pub struct Dates {
    last: Option<Date>,
    order: Option<Order>,
}

/// Year, month, day.
type Date = (u16, u8, u8);

impl Dates {
    /// Takes the date of the next line.
    ///
    /// # Errors
    /// If it is no ISO 8601 calendar date, or does not go on in the direction of the lines before.
    pub fn push(&mut self, text: &str) -> Result<()> {
        let date = parse_date(text).with_context(|| {
            format!("{text:?} is not a date like 2013-03-01; or remove the column and give --order")
        })?;
        if let Some(last) = self.last {
            let order = match date.cmp(&last) {
                std::cmp::Ordering::Less => Order::NewestFirst,
                std::cmp::Ordering::Equal => bail!("{text} stands on the line before, too"),
                std::cmp::Ordering::Greater => Order::OldestFirst,
            };
            match *self.order.get_or_insert(order) {
                before if before == order => {}
                Order::NewestFirst => bail!("{text} follows an older date, but the lines before run from new to old"),
                Order::OldestFirst => bail!("{text} follows a newer date, but the lines before run from old to new"),
            }
        }
        self.last = Some(date);
        Ok(())
    }

    /// What two dates or more have shown.
    pub fn order(&self) -> Option<Order> {
        self.order
    }
}

/// `YYYY-MM-DD` of the Gregorian calendar.
pub fn parse_date(text: &str) -> Option<Date> {
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let mut parts = text.split('-').filter(|part| digits(part));
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if (text.len(), year.len(), month.len(), day.len()) != (10, 4, 2, 2) {
        return None;
    }
    let (year, month, day) = (year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
    (1..=days_in(year, month)?).contains(&day).then_some((year, month, day))
}

fn days_in(year: u16, month: u8) -> Option<u8> {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => Some(31),
        4 | 6 | 9 | 11 => Some(30),
        2 if year.is_multiple_of(if year.is_multiple_of(100) { 400 } else { 4 }) => Some(29),
        2 => Some(28),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order_of(dates: &[&str]) -> Result<Option<Order>, String> {
        let mut order = Dates::default();
        dates.iter().try_for_each(|date| order.push(date)).map_err(|error| error.to_string())?;
        Ok(order.order())
    }

    #[test]
    fn dates_show_the_order() {
        assert_eq!(order_of(&["2013-03-01", "2013-02-28", "2012-12-31"]), Ok(Some(Order::NewestFirst)));
        assert_eq!(order_of(&["2012-12-31", "2013-02-28"]), Ok(Some(Order::OldestFirst)));
        assert_eq!(order_of(&["2012-12-31"]), Ok(None));
    }

    #[test]
    fn an_order_that_turns_is_an_error() {
        let message = order_of(&["2013-03-01", "2013-02-28", "2013-03-04"]).unwrap_err();
        assert_eq!(message, "2013-03-04 follows an older date, but the lines before run from new to old");
        let message = order_of(&["2013-02-28", "2013-03-01", "2013-02-27"]).unwrap_err();
        assert_eq!(message, "2013-02-27 follows a newer date, but the lines before run from old to new");
        assert_eq!(order_of(&["2013-03-01"; 2]).unwrap_err(), "2013-03-01 stands on the line before, too");
    }

    #[test]
    fn dates_are_iso_and_exist() {
        assert_eq!((parse_date("2012-02-29"), parse_date("2000-12-31")), (Some((2012, 2, 29)), Some((2000, 12, 31))));
        for wrong in [
            "2013-02-29",
            "1900-02-29",
            "2013-04-31",
            "2013-13-01",
            "2013-00-10",
            "2013-01-00",
            "13-01-01",
            "2013-1-01",
            "2013-01-1",
            "01/03/2013",
            "2013-01-01T00:00",
            "2013-01-01-",
            "2013-+1-01",
            "2013--1-01",
            "2013-01",
            "",
            "é",
        ] {
            assert_eq!(parse_date(wrong), None, "{wrong}");
        }
        let message = order_of(&["03/01/2013"]).unwrap_err();
        assert_eq!(message, "\"03/01/2013\" is not a date like 2013-03-01; or remove the column and give --order");
    }
}
