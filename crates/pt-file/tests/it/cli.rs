//! The program: a table, JSON, and exit codes.

use std::fs;
use std::process::{Command, Output};

use pt_file::{Value, save_file};
use test_support::program;

use crate::craft::made_by;
use crate::samples::{checkpoint, shared, values};

/// Runs the program on files of these names in a new folder.
fn run(arguments: &[&str], files: &[(&str, &Value)]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    for (name, value) in files {
        save_file(folder.path().join(name), value).unwrap();
    }
    fs::write(folder.path().join("evil.pt"), made_by(b"cposix\nsystem\nX\x02\x00\x00\x00ls\x85R")).unwrap();
    Command::new(program(env!("CARGO_BIN_EXE_pt-file"))).args(arguments).current_dir(folder.path()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn lists_a_checkpoint_as_a_table() {
    let output = run(&["a.pt"], &[("a.pt", &checkpoint())]);
    let table = text(&output.stdout);
    let mut lines = table.lines();
    let squeezed = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(squeezed(lines.next().unwrap()), "place type shape or value bytes record");
    assert_eq!(squeezed(lines.next().unwrap()), r#"["model"]["fc.weight"] float32 [2, 3] 24 data/0"#);
    assert!(table.lines().any(|line| squeezed(line) == r#"["optimizer"]["param_groups"][0]["betas"][1] float 0.999"#));
    assert_eq!(lines.last().unwrap(), "a.pt: 8 tensors with 26 elements in 8 storages, 15 other values");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn shows_views() {
    let table = text(&run(&["a.pt"], &[("a.pt", &shared())]).stdout);
    assert!(table.contains("[3, 2] strides [1, 3]") && table.contains("in 2 storages"), "{table}");
}

#[test]
fn json_is_json() {
    let output = run(&["--json", "a.pt"], &[("a.pt", &values())]);
    let listed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let of = |place: &str| listed.as_array().unwrap().iter().find(|entry| entry["place"] == place).unwrap();
    assert_eq!(of(r#"["bools"][0]"#)["value"], true);
    assert_eq!(of(r#"["long ints"][4]"#)["value"], i64::MAX);
    assert_eq!(of(r#"["floats"][2]"#)["value"], 0.1);
    assert_eq!(of(r#"["nan"]"#)["value"], "NaN");
    assert!(listed.as_array().unwrap().iter().any(|entry| entry["value"] == "Gr\u{f6}\u{df}e \u{1f40b}"));

    let output = run(&["--json", "a.pt"], &[("a.pt", &shared())]);
    let listed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let expected = serde_json::json!({
        "place": r#"["transposed"]"#, "type": "Tensor", "dtype": "float32", "shape": [3, 2], "strides": [1, 3],
        "offset": 6, "bytes": 24, "record": "data/0", "location": "cpu",
    });
    assert_eq!(listed[2], expected);
}

#[test]
fn says_what_is_unsafe_and_goes_on() {
    let output = run(&["evil.pt", "none.pt", "a.pt"], &[("a.pt", &Value::from(1))]);
    let complaints = text(&output.stderr);
    assert!(complaints.contains("evil.pt: data.pkl, byte 2: refused to look up posix.system\n"), "{complaints}");
    assert!(complaints.contains("pt-file: none.pt: No such file"), "{complaints}");
    assert!(text(&output.stdout).contains("the top level"));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn usage() {
    assert_eq!(run(&["--help"], &[]).status.code(), Some(0));
    assert_eq!(run(&[], &[]).status.code(), Some(2));
    let output = run(&["--yaml", "a.pt"], &[]);
    assert!(text(&output.stderr).contains("there is no option --yaml"));
    assert_eq!(output.status.code(), Some(2));
}
