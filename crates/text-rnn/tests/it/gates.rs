//! `gates` and `--explain`.

use std::fs;

use serde_json::Value;
use test_support::lesson::text;

use crate::support::{PROBABILITY, text_rnn, trained};

#[test]
fn the_hidden_state_is_drawn_and_printed_as_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let (model, out) = (trained(folder.path()), folder.path().join("a/new/folder"));
    let output = text_rnn(&["gates", "i like", "--model", &model, "--out", out.to_str().unwrap()]);
    assert_eq!(text(&output.stdout), format!("{0}.png and {0}.svg\n", out.join("gates").display()));
    let svg = fs::read_to_string(out.join("gates.svg")).unwrap();
    for part in ["text-rnn: i like → dog", "tanh(W", "hidden unit", "like", "softmax(h", "coffe", "100 %"] {
        assert!(svg.contains(part), "{part}");
    }
    assert!(fs::read(out.join("gates.png")).unwrap().starts_with(b"\x89PNG"));

    // `predict` prints softmax(h W + b) of the last h.
    let arguments = ["gates", "you", "hate", "--json", "--no-plots", "--model", &model];
    let gates: Value = serde_json::from_slice(&text_rnn(&arguments).stdout).unwrap();
    assert_eq!((&gates["words"][1], &gates["predicted"]), (&"hate".into(), &"coffe".into()));
    let h: Vec<Vec<f64>> = serde_json::from_value(gates["layers"][0]["h"].clone()).unwrap();
    assert_eq!((h.len(), h[1].len()), (2, 5), "two words, five units");
    let saved = lesson_kit::SavedModel::read(model.as_ref(), &text_rnn::LESSON).unwrap();
    let parameter = |name: &str| saved.state_dict().get(name).unwrap().to_kind(tch::Kind::Double);
    let scores = tch::Tensor::from_slice(&h[1]).unsqueeze(0).matmul(&parameter("W")) + parameter("b");
    let shares = Vec::<f64>::try_from(scores.softmax(1, tch::Kind::Double).view([-1])).unwrap();
    let next: Value =
        serde_json::from_slice(&text_rnn(&["predict", "you hate", "--json", "--model", &model]).stdout).unwrap();
    let predicted = next["probabilities"][0]["probability"].as_f64().unwrap();
    assert!((shares[4] - predicted).abs() < PROBABILITY, "coffe: {} and {predicted}", shares[4]);
}

#[test]
fn sentences_are_drawn_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    let (model, out) = (trained(folder.path()), folder.path().to_str().unwrap());
    let output = text_rnn(&["gates", "i like", "you like", "--json", "--model", &model, "--out", out]);
    let gates: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&gates[0]["predicted"], &gates[1]["predicted"]), (&"dog".into(), &"cat".into()));
    // The first word differs, so the state after the same second word differs.
    assert_ne!(gates[0]["layers"][0]["h"][1], gates[1]["layers"][0]["h"][1]);
    let next: Value =
        serde_json::from_slice(&text_rnn(&["predict", "you like", "--json", "--model", &model]).stdout).unwrap();
    assert_eq!(gates[1]["probabilities"], next["probabilities"]);
    let svg = fs::read_to_string(folder.path().join("gates.svg")).unwrap();
    for part in ["i like → dog", "you like → cat", "the hidden state and the next word", "word"] {
        assert!(svg.contains(part), "{part}");
    }

    let wrong = |arguments: &[&str]| {
        let output = text_rnn(&[&["gates"], arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        text(&output.stderr).to_owned()
    };
    assert_eq!(
        wrong(&["i like", "you"]),
        "error: \"you\" has 1 word: the network was trained on 2 words, for example \"i like\"\n"
    );
    assert_eq!(wrong(&["i like"; 9]), "error: 9 sentences: a picture has space for 8; pass fewer sentences\n");
    assert!(wrong(&["i", "like", "you", "like"]).contains("has 4 words"));
}

#[test]
fn each_layer_has_a_map() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().to_str().unwrap();
    assert!(text_rnn(&["-q", "--epochs", "2", "--num-layers", "2", "--out", out]).status.success());
    let model = format!("{out}/model.pt");
    let output = text_rnn(&["gates", "i like", "--json", "--model", &model, "--out", out]);
    let gates: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(gates["layers"].as_array().unwrap().len(), 2);
    assert!(fs::read_to_string(folder.path().join("gates.svg")).unwrap().contains("layer 1"));

    // A new run removes the picture of the old run's gates.
    assert!(text_rnn(&["-q", "--epochs", "2", "--no-plots", "--out", out]).status.success());
    assert!(!folder.path().join("gates.svg").exists() && !folder.path().join("loss.svg").exists());
}

#[test]
fn unknown_words_missing_models_and_unusable_folders_are_errors() {
    let output = text_rnn(&["gates", "i tea"]);
    assert!(output.status.code() == Some(2) && text(&output.stderr).contains("choose from: i, like, dog"));
    let output = text_rnn(&["gates", "i like", "--no-plots"]);
    assert!(output.status.code() == Some(2) && text(&output.stderr).contains("add --json to print the numbers"));
    assert_eq!(text_rnn(&["gates"]).status.code(), Some(2));
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("nowhere.pt");
    let output = text_rnn(&["gates", "i like", "--model", nowhere.to_str().unwrap()]);
    assert!(output.status.code() == Some(1) && text(&output.stderr).contains("cargo run -p text-rnn trains a model"));
    let (model, file) = (trained(folder.path()), folder.path().join("file"));
    fs::write(&file, "mine").unwrap();
    let output = text_rnn(&["gates", "i like", "--model", &model, "--out", file.to_str().unwrap()]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), ""));
    assert!(
        text(&output.stderr).starts_with(&format!("error: --out {}: ", file.display())),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn explain_counts_the_parameters_and_trains_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let output = text_rnn(&["--explain", "--out", out.to_str().unwrap()]);
    let stdout = text(&output.stdout);
    for line in [
        "TextRNN: RNN(9, 5), then a linear map to the 9 words",
        "  h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh)    for each word; h_0 = 0",
        "  rnn.weight_hh_l0  (5, 5)   25",
        // .venv/bin/python -c "import torch.nn as nn; print(sum(p.numel() for p in nn.RNN(9, 5).parameters()) + 5*9 + 9)"
        "  total                     134",
        "  outputs, h of every word: words, sentences, hidden  (2, 6, 5)",
    ] {
        assert!(stdout.lines().any(|found| found == line), "{line:?} is not in:\n{stdout}{}", text(&output.stderr));
    }
    assert!(output.status.success() && !out.exists());

    let output = text_rnn(&["--explain", "--json", "--hidden-size", "7", "--num-layers", "2"]);
    let explanation: Value = serde_json::from_slice(&output.stdout).unwrap();
    // .venv/bin/python -c "import torch.nn as nn; print(sum(p.numel() for p in nn.RNN(9, 7, 2).parameters()) + 7*9 + 9)"
    assert_eq!(explanation["total"], 310);
    assert_eq!(text_rnn(&["--explain", "--resume"]).status.code(), Some(2));
}
