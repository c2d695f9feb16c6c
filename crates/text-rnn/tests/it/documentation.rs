//! The table of results by seed in the documentation: its CPUs and its numbers.

use std::fs;

use test_support::lesson::text;
use test_support::workspace;

use crate::support::text_rnn;

const LESSONS: [&str; 4] = ["text-rnn", "stock-lstm", "mnist-gru", "rnn-lm"];

/// The numbers in `text`.
fn numbers(text: &str) -> Vec<f64> {
    text.split(|c: char| !c.is_ascii_digit() && c != '.').filter_map(|number| number.parse().ok()).collect()
}

/// The rows of the table of seeds in a document, one for each lesson.
fn table_of_seeds(name: &str) -> Vec<Vec<String>> {
    let document = fs::read_to_string(workspace().join(name)).unwrap();
    for cpu in ["Xeon(family6,model207)", "EPYC(family26,Zen5)"] {
        assert!(document.replace([' ', '\n'], "").contains(cpu), "{cpu} is not in {name}");
    }
    let rows = document.lines().skip_while(|line| !(line.starts_with('|') && line.contains("Intel,"))).skip(2);
    let rows = rows.take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

#[test]
fn all_documents_name_the_cpus_and_have_the_same_table() {
    let course = table_of_seeds("docs/course.md");
    assert_eq!(course.iter().map(|row| row[0].as_str()).collect::<Vec<_>>(), LESSONS);
    assert_eq!(table_of_seeds("docs/lessons.md"), course);
    let of = |rows: &[Vec<String>]| rows.iter().map(|row| numbers(&row[2..].join(" "))).collect::<Vec<_>>();
    assert_eq!(of(&table_of_seeds("docs/guide.ko.md")), of(&course), "docs/guide.ko.md");
}

#[test]
fn the_table_has_the_perplexities_of_text_rnn_for_five_seeds() {
    let course = table_of_seeds("docs/course.md");
    let spread = numbers(&course[0][4]);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    let perplexities = ["0", "1", "2", "3", "4"].map(|seed| {
        let output = text_rnn(&["-q", "--no-plots", "--threads", "1", "--json", "--seed", seed, "--out", out]);
        let summary: serde_json::Value = serde_json::from_str(text(&output.stdout)).unwrap();
        for it in summary["predictions"].as_array().unwrap() {
            assert_eq!(it["predicted"], it["target"], "seed {seed}");
        }
        summary["perplexity"].as_f64().unwrap()
    });
    let [low, high] = [f64::min, f64::max].map(|pick| perplexities.into_iter().reduce(pick).unwrap());
    // The table has four decimals, and another CPU rounds differently.
    assert!((spread[0] - low).abs() < 2e-4 && (spread[1] - high).abs() < 2e-4, "{perplexities:?} and {spread:?}");
    let seed_0 = numbers(&course[0][2])[0];
    assert!((seed_0 - perplexities[0]).abs() < 2e-4, "{seed_0} and {perplexities:?}");
}
