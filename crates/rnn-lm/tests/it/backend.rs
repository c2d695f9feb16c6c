//! `--backend fused`: the numbers of `exact` to rounding, and the same promises, for each kind of layer.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::{english, home, rnn_lm, text, train};

fn batch_losses(home: &Path) -> Vec<f64> {
    let metrics = fs::read_to_string(home.join("run/metrics.jsonl")).unwrap();
    let epoch = |line: &str| -> Vec<f64> {
        let epoch: Value = serde_json::from_str(line).unwrap();
        serde_json::from_value(epoch["batch_losses"].clone()).unwrap()
    };
    metrics.lines().flat_map(epoch).collect()
}

/// Dropout draws the same numbers under both.
#[test]
fn the_first_losses_have_the_digits_of_exact() {
    for cell in ["rnn", "lstm", "gru"] {
        let [exact, fused] = ["exact", "fused"].map(|backend| {
            let home = home(english());
            let output =
                train(home.path(), &format!("--cell {cell} --num-layers 2 --epochs 1 --limit 20 --backend {backend}"));
            assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
            batch_losses(home.path())
        });
        assert_eq!((exact.len(), fused.len()), (20, 20));
        for (batch, (exact, fused)) in (1..).zip(exact.iter().zip(&fused)) {
            assert!((fused / exact - 1.0).abs() < 1e-4, "{cell}, batch {batch}: {exact} and {fused}");
        }
        assert_ne!(exact, fused, "{cell}: the kernels round otherwise; these ran the same operations");
    }
}

#[test]
fn a_run_that_goes_on_has_the_bits_of_one_that_never_stopped() {
    let (whole, parts) = (home(english()), home(english()));
    assert_eq!(train(whole.path(), "--backend fused --epochs 3").status.code(), Some(0));
    assert_eq!(train(parts.path(), "--backend fused --epochs 1").status.code(), Some(0));
    let refused = train(parts.path(), "--resume --epochs 3 --backend exact");
    let message = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{message}");
    assert!(message.contains("backend = \"fused\", this one would have \"exact\""), "{message}");
    assert_eq!(train(parts.path(), "--resume --epochs 3").status.code(), Some(0));
    for name in ["metrics.jsonl", "model.pt", "best.pt"] {
        let [whole, parts] = [&whole, &parts].map(|home| fs::read(home.path().join("run").join(name)).unwrap());
        assert!(whole == parts, "{name}");
    }
}

#[test]
fn what_it_trained_is_asked_under_either_backend() {
    let home = home(english());
    assert_eq!(train(home.path(), "--backend fused --epochs 2").status.code(), Some(0));
    let asked = |arguments: &str| {
        ["exact", "fused"].map(|backend| {
            let output = rnn_lm(home.path(), &format!("{arguments}|--json|--threads|1|--backend|{backend}"));
            assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
            serde_json::from_slice::<Value>(&output.stdout).unwrap()
        })
    };
    let close = |one: &Value, other: &Value| (one.as_f64().unwrap() / other.as_f64().unwrap() - 1.0).abs() < 1e-5;
    let [exact, fused] = asked("eval|run/model.pt");
    assert!(close(&exact["test_perplexity"], &fused["test_perplexity"]), "{exact} {fused}");
    let [exact, fused] = asked("predict|the white|--model|run/model.pt");
    assert_eq!(exact["words"][0]["word"], fused["words"][0]["word"]);
    assert!(close(&exact["words"][0]["probability"], &fused["words"][0]["probability"]), "{exact} {fused}");
}
