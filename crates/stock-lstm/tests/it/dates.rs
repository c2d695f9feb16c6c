//! Dates and weekdays, compared with NumPy.

use stock_lstm::data::dates::{date_ticks, next_weekday, parse_date};

#[test]
fn dates_are_iso_8601_and_exist() {
    for right in ["2012-02-29", "2000-02-29", "2000-12-31", "0000-01-01"] {
        assert_eq!(parse_date(right).unwrap().to_string(), right);
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
        "20130103",
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
}

// .venv/bin/python -c "import numpy as np; print([str(np.busday_offset(d, 1, 'preceding')) for d in
//   '2013-03-01 2013-03-02 2013-03-03 2012-02-28 2013-02-28 1999-12-31 2000-02-28 1900-02-28'.split()])"
#[test]
fn the_next_weekday_equals_numpys() {
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
        let next_date = next_weekday(parse_date(date).unwrap()).unwrap();
        assert_eq!(next_date.to_string(), next, "after {date}");
    }
}

#[test]
fn no_weekday_follows_the_last_day_of_the_calendar() {
    assert_eq!(next_weekday(parse_date("9999-12-31").unwrap()), None);
}

#[test]
fn labels_of_an_axis_are_months_or_days() {
    let weekdays = |first: &str, count: usize| {
        let first = parse_date(first).unwrap();
        std::iter::successors(Some(first), |&date| next_weekday(date)).take(count).collect::<Vec<_>>()
    };
    let labels = |first, count| date_ticks(&weekdays(first, count));
    let of = |index: usize, label: &str| (index, label.to_owned());
    let days = [(0, "01-30"), (3, "02-04"), (6, "02-07"), (9, "02-12"), (12, "02-15"), (15, "02-20"), (18, "02-25")];
    assert_eq!(labels("2013-01-30", 20), days.map(|(index, day)| of(index, &format!("2013-{day}"))));
    assert_eq!(labels("2013-01-30", 60), [of(2, "2013-02"), of(22, "2013-03"), of(43, "2013-04")]);
    assert!(labels("2000-01-03", 5000).len() <= 7);
    assert_eq!((labels("2013-01-30", 1), date_ticks(&[])), (vec![of(0, "2013-01-30")], vec![]));
}
