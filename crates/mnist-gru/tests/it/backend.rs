//! `--backend fused`: the numbers of `exact` to rounding, and the same promises.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use python_torch::{compare_live, workspace};
use serde_json::Value;
use tempfile::TempDir;

use crate::BINARY;
use crate::support::write_mnist;

/// Runs the lesson in `folder`; options are separated by blanks.
fn mnist_gru(folder: &Path, options: &str) -> Output {
    let always = ["--quiet", "--device", "cpu", "--threads", "1"];
    Command::new(BINARY).args(options.split_whitespace()).args(always).current_dir(folder).output().unwrap()
}

fn succeeds(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A folder with 230 and 50 digits of noise in `data`.
fn home() -> TempDir {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("data")).unwrap();
    write_mnist(&home.path().join("data"), 230, 50);
    home
}

/// On MNIST itself, with the notebook's sizes.
#[test]
fn the_first_losses_have_the_digits_of_exact() {
    let folder = tempfile::tempdir().unwrap();
    let [exact, fused] = ["exact", "fused"].map(|backend| {
        let out = folder.path().join(backend);
        let options = format!("--backend {backend} --limit 20 --epochs 1 --no-plots --out {}", out.display());
        succeeds(&mnist_gru(&workspace(), &options));
        let metrics: Value = serde_json::from_slice(&fs::read(out.join("metrics.jsonl")).unwrap()).unwrap();
        serde_json::from_value::<Vec<f64>>(metrics["batch_losses"].clone()).unwrap()
    });
    assert_eq!((exact.len(), fused.len()), (20, 20));
    for (batch, (exact, fused)) in (1..).zip(exact.iter().zip(&fused)) {
        assert!((fused / exact - 1.0).abs() < 1e-4, "batch {batch}: {exact} and {fused}");
    }
    assert_ne!(exact, fused, "the kernels round otherwise; these ran the same operations");
}

#[test]
fn a_run_that_goes_on_has_the_bits_of_one_that_never_stopped() {
    let home = home();
    let train = |options: &str| mnist_gru(home.path(), &format!("--data data --no-plots {options}"));
    succeeds(&train("--backend fused --hidden-size 17 --epochs 3 --out whole"));
    succeeds(&train("--backend fused --hidden-size 17 --epochs 1 --out parts"));
    let refused = train("--resume --epochs 3 --backend exact --out parts");
    let message = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2));
    assert!(message.contains("backend = \"fused\", this one would have \"exact\""), "{message}");
    succeeds(&train("--resume --epochs 3 --out parts"));
    for name in ["metrics.jsonl", "model.pt", "best.pt"] {
        let [whole, parts] = ["whole", "parts"].map(|run| fs::read(home.path().join(run).join(name)).unwrap());
        assert!(whole == parts, "{name}");
    }
}

#[test]
fn what_it_trained_is_asked_under_either_backend() {
    let home = home();
    succeeds(&mnist_gru(home.path(), "--data data --backend fused --hidden-size 17 --epochs 1 --out run"));
    let asked = |arguments: &str| {
        ["exact", "fused"].map(|backend| {
            let output = mnist_gru(home.path(), &format!("{arguments} --data data --json --backend {backend}"));
            succeeds(&output);
            serde_json::from_slice::<Value>(&output.stdout).unwrap()
        })
    };
    let close = |one: &Value, other: &Value| (one.as_f64().unwrap() / other.as_f64().unwrap() - 1.0).abs() < 1e-5;
    let [exact, fused] = asked("eval run/model.pt");
    assert!(close(&exact["test_loss"], &fused["test_loss"]), "{exact} {fused}");
    assert_eq!(exact["confusion"], fused["confusion"]);
    let [exact, fused] = asked("predict --index 7 --model run/model.pt");
    assert_eq!(exact["predicted"], fused["predicted"]);
    assert!((0..10).all(|digit| close(&exact["probabilities"][digit], &fused["probabilities"][digit])));
}

/// The comparison goes through all of MNIST's test digits.
#[test]
fn a_comparison_asks_for_the_digits_of_the_first_losses() {
    let options = ["--backend=fused", "--seed=3", "--limit=25", "--epochs=1"];
    let Some(report) = compare_live("mnist-gru", BINARY, &options) else { return };
    assert_eq!((&report["ok"], &report["backend"]), (&true.into(), &"fused".into()), "{report:#}");
    let verdict = |group: &str, name: &str| {
        let mut rows = report["rows"].as_array().unwrap().iter();
        rows.find(|row| row["group"] == group && row["name"] == name).unwrap()["verdict"].as_str().unwrap().to_owned()
    };
    assert_eq!(verdict("batch order", "epoch 1"), "equal");
    assert_eq!(verdict("losses", "batch"), "within 2.5e-1, the first 20 within 1e-4 each");
    assert_eq!(verdict("final weights", "fc.weight"), "not comparable between backends");
}
