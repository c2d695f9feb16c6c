//! Price files: every form that is accepted, and the message for every error.

use std::fs;

use stock_lstm::data::{Order, Prices};

/// One line for each of the days 1 to 9. Day `n` has the values n, 2n, 3n, 4n and 5n.
fn lines() -> Vec<String> {
    (1..=9).map(|n| format!("{n},{},{},{},{}", 2 * n, 3 * n, 4 * n, 5 * n)).collect()
}

/// The same lines with a date before each.
fn dated() -> Vec<String> {
    lines().iter().zip(1..).map(|(line, day)| format!("2013-01-{day:02},{line}")).collect()
}

fn opens(text: &str, undated: Order) -> Vec<f64> {
    let prices = Prices::parse(text, undated).map_err(|error| format!("{error:#}")).unwrap();
    prices.rows().iter().map(|row| row[0]).collect()
}

/// The error for `lines` when `line`, counted from 0, is `wrong`.
fn error_with(mut lines: Vec<String>, line: usize, wrong: &str) -> String {
    wrong.clone_into(&mut lines[line]);
    error(&lines.join("\n"))
}

fn error(text: &str) -> String {
    format!("{:#}", Prices::parse(text, Order::NewestFirst).unwrap_err())
}

const OLDEST_FIRST: [f64; 9] = [1., 2., 3., 4., 5., 6., 7., 8., 9.];
const NEWEST_FIRST: [f64; 9] = [9., 8., 7., 6., 5., 4., 3., 2., 1.];
const HEADER: &str = "Date,Open,High,Low,Volume,Close";

#[test]
fn without_dates_the_option_decides_the_order() {
    assert_eq!(opens(&lines().join("\n"), Order::OldestFirst), OLDEST_FIRST);
    assert_eq!(opens(&lines().join("\n"), Order::NewestFirst), NEWEST_FIRST);
    assert!(Prices::parse(&lines().join("\n"), Order::NewestFirst).unwrap().dates().is_empty());
}

#[test]
fn dates_decide_the_order_with_and_without_a_header() {
    for undated in [Order::OldestFirst, Order::NewestFirst] {
        let (mut lines, header) = (dated(), HEADER.to_owned() + "\n");
        assert_eq!(opens(&lines.join("\n"), undated), OLDEST_FIRST);
        lines.reverse();
        assert_eq!(opens(&lines.join("\n"), undated), OLDEST_FIRST);
        assert_eq!(opens(&(header + &lines.join("\n")), undated), OLDEST_FIRST);
        let prices = Prices::parse(&lines.join("\n"), undated).unwrap();
        let dates: Vec<_> = prices.dates().iter().map(ToString::to_string).collect();
        assert_eq!((prices.order(), dates.len()), (Order::NewestFirst, 9));
        assert_eq!((dates[0].as_str(), dates[8].as_str()), ("2013-01-01", "2013-01-09"));
    }
}

#[test]
fn a_header_names_columns_in_any_order_and_case_among_others() {
    let rows: String = (1..=9).map(|n| format!("x, {n}.5 ,,{n},\"{}\",{n}e2,-{n}\r\n", 10 * n)).collect();
    let text = format!("\u{feff}# GOOG\r\n\r\nName, CLOSE ,,open,High,vOlume,low\r\n# a comment\r\n  \r\n{rows}");
    let prices = Prices::parse(&text, Order::OldestFirst).unwrap();
    assert_eq!(prices.rows()[2], [3.0, 30.0, -3.0, 300.0, 3.5]);
}

#[test]
fn an_error_names_the_line_and_the_column_of_a_wrong_cell() {
    for (wrong, message) in [
        ("1,2,x,4,5", "line 3: column 3 (Low): \"x\" is not a number"),
        ("1,2,3,4,", "line 3: column 5 (Close): the cell is empty"),
        ("NaN,2,3,4,5", "line 3: column 1 (Open): \"NaN\" is not a finite number"),
        ("1,inf,3,4,5", "line 3: column 2 (High): \"inf\" is not a finite number"),
        ("1,2,3,1e999,5", "line 3: column 4 (Volume): \"1e999\" is not a finite number"),
        ("1,2,3,4", "line 3: column 5 (Close) is missing: 4 cells where the first line has 5"),
        ("1", "line 3: column 2 (High) is missing: 1 cell where the first line has 5"),
        ("1,2,3,4,500,000", "line 3: 6 cells where the first line has 5"),
    ] {
        assert_eq!(error_with(lines(), 2, wrong), message);
    }
    let mut with_header = dated();
    with_header.insert(0, "High,Date,Open,Low,Volume,Close,Change".to_owned());
    for (wrong, message) in [
        ("1,2013-01-01,-,4,5,6,7", "line 2: column 3 (Open): \"-\" is not a number"),
        ("1", "line 2: column 2 (Date) is missing: 1 cell where the first line has 7"),
    ] {
        assert_eq!(error_with(with_header.clone(), 1, wrong), message);
    }
}

#[test]
fn lines_are_counted_as_in_an_editor() {
    for end in ["\n", "\r\n"] {
        let before = ["# one", "", HEADER, "2013-01-01,1,2,3,4,5", "# five", "", "", "   ", ""].join(end);
        for after in [format!("{end}x"), format!("#{end}x,1{end}")] {
            let message = error(&(before.clone() + &after));
            assert!(message.starts_with("line 10: column 1 (Date): \"x\" is not a date"), "{message}");
        }
    }
}

#[test]
fn dates_must_exist_and_keep_one_order() {
    for (line, wrong, message) in [
        (
            0,
            "2013-02-30,1,2,3,4,5",
            "line 1: 6 cells; without a header a line is Open,High,Low,Volume,Close, or these \
                                     with a date (2013-03-01) before them",
        ),
        (
            4,
            "5/1/13,1,2,3,4,5",
            "line 5: column 1 (Date): \"5/1/13\" is not a date like 2013-03-01; correct it, or remove the \
                                 column and pass --order",
        ),
        (
            4,
            "2013-01-02,1,2,3,4,5",
            "line 5: column 1 (Date): 2013-01-02 follows a newer date, but the lines before \
                                     run from old to new",
        ),
        (4, "2013-01-04,1,2,3,4,5", "line 5: column 1 (Date): 2013-01-04 is also the date of the line before"),
    ] {
        assert_eq!(error_with(dated(), line, wrong), message);
    }
    let newest_first = dated().into_iter().rev().collect();
    let message = "line 5: column 1 (Date): 2013-01-07 follows an older date, but the lines before run from new to old";
    assert_eq!(error_with(newest_first, 4, "2013-01-07,1,2,3,4,5"), message);
}

#[test]
fn a_header_must_have_every_column_once() {
    let with_header = |header: &str| error(&format!("{header}\n{}", lines().join("\n")));
    assert_eq!(
        with_header("Open,High,Low,Close"),
        "line 1: the header \"Open,High,Low,Close\" has no column Volume (commas separate columns)"
    );
    assert_eq!(with_header("Open,High,open,Low,Volume,Close"), "line 1: the header has Open twice, as columns 1 and 3");
    assert_eq!(
        with_header("Date,Open,High,Low,Volume,Close,DATE"),
        "line 1: the header has Date twice, as columns 1 and 7"
    );
    assert_eq!(with_header("a;b;c"), "line 1: the header \"a;b;c\" has no column Open (commas separate columns)");
}

#[test]
fn a_first_line_with_numbers_is_not_a_header() {
    assert_eq!(error_with(lines(), 0, "x,2,3,4,5"), "line 1: column 1 (Open): \"x\" is not a number");
    let message = error_with(lines(), 0, "1,2,3,4");
    assert!(message.starts_with("line 1: 4 cells; without a header a line is Open,High,Low,Volume,Close"), "{message}");
}

#[test]
fn a_long_cell_is_shortened_in_the_message() {
    let message = error_with(lines(), 2, "1,2,\"3,4,5");
    assert_eq!(
        message,
        "line 3: column 3 (Low): \"3,4,5\\n4,8,12,16,20\\n5,10,15,20,25\\n6,12,18\"... is not a number"
    );
}

#[test]
fn a_series_has_at_least_seven_days() {
    assert_eq!(error(&lines()[..6].join("\n")), "too few days: 6; a window has 7");
    assert_eq!(opens(&lines()[..7].join("\n"), Order::OldestFirst).len(), 7);
    for nothing in ["", "\n\n", "# a comment", HEADER] {
        assert_eq!(error(nothing), "the file has no prices");
    }
}

#[test]
fn an_error_names_a_file_that_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("stock.csv");
    let read = || format!("{:#}", Prices::read(&file, Order::NewestFirst).unwrap_err());
    assert!(read().starts_with(&format!("--csv {}: cannot read this file: ", file.display())), "{}", read());
    assert!(read().contains("data/goog.csv"), "{}", read());
    fs::write(&file, b"# \xC3\xA9t\xC3\xA9\n# \xE9t\xE9\n").unwrap();
    let message = format!("--csv {}: line 2: the text is not UTF-8 (byte 0xe9); save it as UTF-8", file.display());
    assert_eq!(read(), message);
    fs::write(&file, "1,2,3,4,5\n").unwrap();
    assert!(read().starts_with(&format!("--csv {}: too few days: 1; a", file.display())), "{}", read());
}
