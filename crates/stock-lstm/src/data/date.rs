//! Calendar dates, as far as daily prices need them.

use std::fmt;

/// A day of the Gregorian calendar; later days are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// From `YYYY-MM-DD`; `None` for anything else, and for days that do not exist.
    pub fn parse(text: &str) -> Option<Date> {
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let mut parts = text.split('-').filter(|part| digits(part));
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        if (text.len(), year.len(), month.len(), day.len()) != (10, 4, 2, 2) {
            return None;
        }
        let date = Date { year: year.parse().ok()?, month: month.parse().ok()?, day: day.parse().ok()? };
        ((1..=12).contains(&date.month) && (1..=date.days_in_month()).contains(&date.day)).then_some(date)
    }

    /// The next day from Monday to Friday. Which of them an exchange takes off it does not know.
    #[must_use]
    pub fn next_weekday(self) -> Date {
        let mut date = self.next();
        while date.is_weekend() {
            date = date.next();
        }
        date
    }

    fn next(self) -> Date {
        let Date { year, month, day } = self;
        if day < self.days_in_month() {
            Date { day: day + 1, ..self }
        } else if month < 12 {
            Date { year, month: month + 1, day: 1 }
        } else {
            Date { year: year + 1, month: 1, day: 1 }
        }
    }

    fn days_in_month(self) -> u8 {
        match self.month {
            4 | 6 | 9 | 11 => 30,
            2 if self.year.is_multiple_of(if self.year.is_multiple_of(100) { 400 } else { 4 }) => 29,
            2 => 28,
            _ => 31,
        }
    }

    /// By Sakamoto's rule (comp.lang.c, 1993), which counts January and February to the year before.
    fn is_weekend(self) -> bool {
        const OFFSETS: [u32; 12] = [0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4];
        let month = usize::from(self.month - 1);
        let year = u32::from(self.year) + 400 - u32::from(self.month < 3); // 400 years are whole weeks
        let weekday = (year + year / 4 - year / 100 + year / 400 + OFFSETS[month] + u32::from(self.day)) % 7;
        matches!(weekday, 0 | 6) // Sunday is 0
    }
}

/// `YYYY-MM-DD`.
impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_iso_and_exist() {
        for right in ["2012-02-29", "2000-02-29", "2000-12-31", "0000-01-01"] {
            assert_eq!(Date::parse(right).unwrap().to_string(), right);
        }
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
            assert_eq!(Date::parse(wrong), None, "{wrong}");
        }
    }

    // .venv/bin/python -c "import numpy as np; print([str(np.busday_offset(d, 1, 'preceding')) for d in
    //   '2013-03-01 2013-03-02 2013-03-03 2012-02-28 2013-02-28 1999-12-31 2000-02-28 1900-02-28'.split()])"
    #[test]
    fn the_next_weekday_is_numpys() {
        for (date, next) in [
            ("2013-03-01", "2013-03-04"),
            ("2013-03-02", "2013-03-04"),
            ("2013-03-03", "2013-03-04"),
            ("2012-02-28", "2012-02-29"),
            ("2013-02-28", "2013-03-01"),
            ("1999-12-31", "2000-01-03"),
            ("2000-02-28", "2000-02-29"),
            ("1900-02-28", "1900-03-01"),
        ] {
            assert_eq!(Date::parse(date).unwrap().next_weekday().to_string(), next, "after {date}");
        }
    }
}
