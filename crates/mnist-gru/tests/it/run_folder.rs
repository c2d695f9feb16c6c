//! For every command, `--out DIR` is a run folder.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::BINARY;
use crate::support::write_mnist;

fn mnist_gru(home: &Path, args: &str) -> Output {
    let mut command = Command::new(&*BINARY);
    command.args(args.split_whitespace()).args(["--data", "data"]);
    command.current_dir(home).env_remove("LD_LIBRARY_PATH").output().unwrap()
}

fn text(stream: &[u8]) -> &str {
    std::str::from_utf8(stream).unwrap()
}

#[test]
fn every_command_accepts_a_run_folder() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    fs::create_dir(home.join("data")).unwrap();
    write_mnist(&home.join("data"), 30, 7);
    for (out, size) in [("models/mnist-gru", 6), ("run", 5)] {
        let trained = mnist_gru(home, &format!("--hidden-size {size} --epochs 1 --no-plots --out {out}"));
        assert_eq!(trained.status.code(), Some(0), "{}", text(&trained.stderr));
    }
    for command in ["predict --index 1", "eval"] {
        let said = |model: &str| {
            let output = mnist_gru(home, &format!("{command} {model}"));
            assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
            text(&output.stdout).to_owned()
        };
        assert_eq!(said("--out run"), said("--model run/model.pt"));
        assert_eq!(said(""), said("--out models/mnist-gru"));
        assert_ne!(said("--out run"), said(""));
    }

    // Pictures are written to the folder. The model is the folder's, or else the default one, with a note.
    let units = |args: &str| {
        let output = mnist_gru(home, &format!("gates --index 1 --json {args}"));
        let gates: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        (gates["layers"][0]["h"][0].as_array().unwrap().len(), text(&output.stderr).to_owned())
    };
    let note = "there is no model in this folder; reading models/mnist-gru/model.pt";
    let (count, stderr) = units("--out run");
    assert!(count == 5 && !stderr.contains(note), "{stderr}");
    let (count, stderr) = units("--out pictures");
    assert!(count == 6 && stderr.contains(&format!("--out pictures: {note}\n")), "{stderr}");
    let (count, stderr) = units("--out pictures --model run/model.pt");
    assert!(count == 5 && !stderr.contains(note), "{stderr}");
    assert!(home.join("run/gates.png").exists() && home.join("pictures/gates.png").exists());
    assert!(!home.join("models/mnist-gru/gates.png").exists());

    let output = mnist_gru(home, "predict --index 1 --model run");
    let message = "error: run: this is a folder, and FILE names a model; --out run reads the model in it\n";
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(1), message));
}
