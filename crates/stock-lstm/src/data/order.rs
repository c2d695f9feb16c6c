//! Which way time runs in a file.

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use serde::Serialize;

use super::Date;

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
    dates: Vec<Date>,
    order: Option<Order>,
}

impl Dates {
    /// Takes the date of the next line.
    ///
    /// # Errors
    /// If it is no ISO 8601 calendar date, or does not go on in the direction of the lines before.
    pub fn push(&mut self, text: &str) -> Result<()> {
        let date = Date::parse(text).with_context(|| {
            format!("{text:?} is not a date like 2013-03-01; or remove the column and give --order")
        })?;
        if let Some(last) = self.dates.last() {
            let order = match date.cmp(last) {
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
        self.dates.push(date);
        Ok(())
    }

    /// What two dates or more have shown.
    pub fn order(&self) -> Option<Order> {
        self.order
    }

    /// All of them, in the file's order.
    pub fn into_vec(self) -> Vec<Date> {
        self.dates
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
    fn what_is_no_date_is_an_error() {
        let message = order_of(&["03/01/2013"]).unwrap_err();
        assert_eq!(message, "\"03/01/2013\" is not a date like 2013-03-01; or remove the column and give --order");
    }
}
