//! For every command, `--out DIR` is a run folder with the model and its scale.

use test_support::lesson::text;

use crate::support::{stock_lstm, trained};

#[test]
fn every_command_accepts_a_run_folder() {
    let folder = tempfile::tempdir().unwrap();
    let (model, out) = (trained(folder.path()), folder.path().to_str().unwrap());
    for command in ["predict", "eval"] {
        let (by_folder, by_file) = (stock_lstm(&[command, "--out", out]), stock_lstm(&[command, "--model", &model]));
        assert!(by_folder.status.success(), "{}", text(&by_folder.stderr));
        assert_eq!(text(&by_folder.stdout), text(&by_file.stdout));
    }
    let output = stock_lstm(&["gates", "--out", out]);
    assert_eq!((text(&output.stderr), output.status.code()), ("", Some(0)));
    assert!(folder.path().join("gates.png").exists());

    let output = stock_lstm(&["predict", "--model", out]);
    let advice = format!("--out {out} reads the model in it\n");
    assert!(output.status.code() == Some(1) && text(&output.stderr).ends_with(&advice), "{}", text(&output.stderr));
}
