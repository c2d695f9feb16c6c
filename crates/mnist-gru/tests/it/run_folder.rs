//! For every command, `--out DIR` is a run folder.

use test_support::lesson::text;

use crate::support::{home, mnist_gru};

#[test]
fn every_command_accepts_a_run_folder() {
    let home = home(30, 7);
    let home = home.path();
    let mnist_gru = |options: &str| mnist_gru(home, &format!("{options} --data data"));
    for (out, size) in [("models/mnist-gru", 6), ("run", 5)] {
        let trained = mnist_gru(&format!("--hidden-size {size} --epochs 1 --no-plots --out {out}"));
        assert_eq!(trained.status.code(), Some(0), "{}", text(&trained.stderr));
    }
    for command in ["predict --index 1", "eval"] {
        let stdout = |model: &str| {
            let output = mnist_gru(&format!("{command} {model}"));
            assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
            text(&output.stdout).to_owned()
        };
        assert_eq!(stdout("--out run"), stdout("--model run/model.pt"));
        assert_eq!(stdout(""), stdout("--out models/mnist-gru"));
        assert_ne!(stdout("--out run"), stdout(""));
    }

    // Pictures are written to the folder. The model is the folder's, or else the default one, with a note.
    let units = |args: &str| {
        let output = mnist_gru(&format!("gates --index 1 --json {args}"));
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

    let output = mnist_gru("predict --index 1 --model run");
    let message = "error: run: this is a folder, but FILE must be a model; --out run reads the model in it\n";
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(1), message));
}
