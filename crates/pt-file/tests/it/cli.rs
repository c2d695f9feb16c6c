//! The program `pt-file`: table, JSON and exit codes.

use std::fs;
use std::process::{Command, Output};

use crate::workspace::program;
use pt_file::{Value, save_file};

use crate::craft::made_by;
use crate::samples::{checkpoint, shared, values};

/// Runs the program in a new folder with these files.
fn run(arguments: &[&str], files: &[(&str, &Value)]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    for (name, value) in files {
        save_file(folder.path().join(name), value).unwrap();
    }
    fs::write(folder.path().join("evil.pt"), made_by(b"cposix\nsystem\nX\x02\x00\x00\x00ls\x85R\xff")).unwrap();
    Command::new(program(env!("CARGO_BIN_EXE_pt-file"))).args(arguments).current_dir(folder.path()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn it_lists_a_checkpoint_as_a_table() {
    let output = run(&["a.pt"], &[("a.pt", &checkpoint())]);
    let table = text(&output.stdout);
    let mut lines = table.lines();
    let single_spaced = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(single_spaced(lines.next().unwrap()), "place type shape or value bytes record");
    assert_eq!(single_spaced(lines.next().unwrap()), r#"["model"]["fc.weight"] float32 [2, 3] 24 data/0"#);
    assert!(
        table.lines().any(|line| single_spaced(line) == r#"["optimizer"]["param_groups"][0]["betas"][1] float 0.999"#)
    );
    assert_eq!(lines.last().unwrap(), "a.pt: 8 tensors with 26 elements in 8 storages, 15 other values");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn the_table_shows_strides_and_counts_storages() {
    let table = text(&run(&["a.pt"], &[("a.pt", &shared())]).stdout);
    assert!(table.contains("[3, 2] strides [1, 3]") && table.contains("in 2 storages"), "{table}");
}

#[test]
fn the_json_output_has_the_values_and_tensors() {
    let output = run(&["--json", "a.pt"], &[("a.pt", &values())]);
    let listed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let entry_at = |place: &str| listed.as_array().unwrap().iter().find(|entry| entry["place"] == place).unwrap();
    assert_eq!(entry_at(r#"["bools"][0]"#)["value"], true);
    assert_eq!(entry_at(r#"["long ints"][4]"#)["value"], i64::MAX);
    assert_eq!(entry_at(r#"["floats"][2]"#)["value"], 0.1);
    assert_eq!(entry_at(r#"["nan"]"#)["value"], "NaN");
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
fn it_reports_bad_files_and_continues() {
    let output = run(&["evil.pt", "none.pt", "a.pt"], &[("a.pt", &Value::from(1))]);
    let errors = text(&output.stderr);
    assert!(errors.contains("evil.pt: pickle, byte 25: operation 0xff, which no file uses\n"), "{errors}");
    assert!(errors.contains("pt-file: none.pt: No such file"), "{errors}");
    assert!(text(&output.stdout).contains("the top level"));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn wrong_usage_has_exit_code_2() {
    assert_eq!(run(&["--help"], &[]).status.code(), Some(0));
    assert_eq!(run(&[], &[]).status.code(), Some(2));
    let output = run(&["--yaml", "a.pt"], &[]);
    assert!(text(&output.stderr).contains("there is no option --yaml"));
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn nothing_from_a_file_reaches_the_terminal_unescaped() {
    let evil = "\u{1b}[2J\n0 tensors\u{202e}\u{9b}31m\u{2028}";
    let value = Value::dict([(evil, Value::from(evil)), ("가중치", 1.into())]);
    let is_safe = |text: &str| {
        let escaped = pt_file::escape_lines(text);
        assert_eq!(escaped, text);
        assert!(!text.contains("\n0 tensors"), "{text}");
    };
    let table = text(&run(&["a.pt"], &[("a.pt", &value)]).stdout);
    is_safe(&table);
    assert!(table.contains(r#"["가중치"]"#), "{table}");
    let json = text(&run(&["--json", "a.pt"], &[("a.pt", &value)]).stdout);
    is_safe(&json);
    let listed: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(listed[0]["value"], evil);

    let folder = tempfile::tempdir().unwrap();
    let global = made_by("cposix\u{1b}[2J\u{202e}\nsystem\n)R".as_bytes());
    fs::write(folder.path().join("evil.pt"), global).unwrap();
    let program = program(env!("CARGO_BIN_EXE_pt-file"));
    let output = Command::new(program).arg("evil.pt").current_dir(folder.path()).output().unwrap();
    is_safe(&text(&output.stdout));
    assert!(text(&output.stdout).contains(r"posix\u001b[2J\u202e.system"), "{output:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_message_that_cannot_be_written_does_not_change_the_exit_code() {
    let full = || fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let program = || Command::new(program(env!("CARGO_BIN_EXE_pt-file")));
    let code = |command: &mut Command| command.status().unwrap().code();
    assert_eq!(code(program().arg("none.pt").stderr(full())), Some(1));
    assert_eq!(code(program().stderr(full())), Some(2));
    assert_eq!(code(program().arg("--help").stdout(full()).stderr(full())), Some(1), "a full disk");
}

#[cfg(unix)]
#[test]
fn a_file_name_that_is_not_utf8_is_an_error() {
    use std::os::unix::ffi::OsStrExt;
    let name = std::ffi::OsStr::from_bytes(b"\xff.pt");
    let output = Command::new(program(env!("CARGO_BIN_EXE_pt-file"))).arg(name).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("No such file"), "{output:?}");
}

/// Runs the program in a folder.
fn run_in(folder: &std::path::Path, arguments: &[&str]) -> Output {
    Command::new(program(env!("CARGO_BIN_EXE_pt-file"))).args(arguments).current_dir(folder).output().unwrap()
}

#[test]
fn it_converts_to_safetensors_and_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    save_file(path("a.pt"), &checkpoint()).unwrap();
    for arguments in [
        &["convert", "--at", "model", "a.pt", "model.safetensors"][..],
        &["convert", "model.safetensors", "model.pt"],
        &["convert", "a.pt", "all.safetensors"],
    ] {
        let output = run_in(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    }
    let (model, again) = (checkpoint(), pt_file::load_file(path("model.pt")).unwrap());
    let model = model.get("model").and_then(Value::as_dict).unwrap();
    assert_eq!(model.len(), again.as_dict().unwrap().len());
    for (name, tensor) in model.iter() {
        assert_eq!(again.get(name.as_str().unwrap()), Some(tensor));
    }
    let all = pt_file::load_file(path("all.safetensors")).unwrap();
    assert!(all.get("optimizer.state.0.exp_avg").is_some() && all.get("model.fc.weight").is_some());

    let output = run_in(folder.path(), &["convert", "--at", "nothing", "a.pt", "b.pt"]);
    assert!(
        text(&output.stderr).contains(r#"found nothing; the keys are ["model", "optimizer", "epoch"]"#),
        "{output:?}"
    );
    for new in ["none/b.pt", "none/b.safetensors"] {
        let output = run_in(folder.path(), &["convert", "a.pt", new]);
        assert!(text(&output.stderr).contains(&format!("pt-file: {new}: No such file")), "{output:?}");
    }
    let output = run_in(folder.path(), &["convert", "a.pt", "b.txt"]);
    assert!(text(&output.stderr).contains("must end in .pt or .safetensors"), "{output:?}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn convert_replaces_objects_by_dicts() {
    let folder = tempfile::tempdir().unwrap();
    let namespace = b"}X\x01\0\0\0acargparse\nNamespace\n)\x81}X\x02\0\0\0lrK\x01sbs";
    fs::write(folder.path().join("a.pt"), made_by(namespace)).unwrap();
    let output = run_in(folder.path(), &["convert", "a.pt", "b.pt"]);
    assert!(text(&output.stderr).contains("1 objects become dicts"), "{output:?}");
    let expected = Value::dict([("__class__", "argparse.Namespace".into()), ("state", Value::dict([("lr", 1)]))]);
    assert_eq!(pt_file::load_file(folder.path().join("b.pt")).unwrap().get("a"), Some(&expected));
}

#[test]
fn diff_reports_each_difference() {
    let folder = tempfile::tempdir().unwrap();
    let tensor = |elements: &[f32]| pt_file::Tensor::from_slice(elements, &[elements.len()]).unwrap();
    let value = |w: &[f32], epoch: i64| Value::dict([("w", tensor(w).into()), ("epoch", Value::from(epoch))]);
    for (name, value) in [("a.pt", value(&[1.0, 2.0], 1)), ("b.pt", value(&[1.0, 2.5], 2)), ("c.pt", value(&[1.0], 1))]
    {
        save_file(folder.path().join(name), &value).unwrap();
    }
    let diff = |first, second| {
        let output = run_in(folder.path(), &["diff", first, second]);
        (text(&output.stdout), output.status.code())
    };
    assert_eq!(diff("a.pt", "a.pt"), ("2 values are equal, 0 differ\n".to_owned(), Some(0)));
    let (lines, code) = diff("a.pt", "b.pt");
    assert!(lines.contains("[\"w\"]  1 of 2 elements differ, by at most 5e-1\n"), "{lines}");
    assert!(lines.contains("[\"epoch\"]  the int differs\n") && code == Some(1), "{lines}");
    assert!(diff("a.pt", "c.pt").0.contains("[\"w\"]  shape [2] and [1]\n"));
    assert_eq!(diff("a.pt", "none.pt").1, Some(2));
}

#[test]
fn statistics_count_numbers_that_are_not_finite() {
    let tensor = pt_file::Tensor::from_slice(&[1.0f32, -3.0, f32::NAN, f32::INFINITY], &[4]).unwrap();
    let value = Value::dict([("w", tensor)]);
    let table = text(&run(&["--stats", "a.pt"], &[("a.pt", &value)]).stdout);
    assert!(table.contains("min -3, max 1, mean -1, 1 NaN, 1 infinite"), "{table}");
    let json = run(&["--stats", "--json", "a.pt"], &[("a.pt", &value)]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!((&json[0]["mean"], &json[0]["nan"]), (&serde_json::json!(-1.0), &serde_json::json!(1)));
}
