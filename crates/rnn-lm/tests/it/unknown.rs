//! `predict` and `<unk>`, the token for all words outside the vocabulary.

use serde_json::Value;
use test_support::lesson::text;

use crate::support::{home, rnn_lm, train};

/// Sentences in which "the" is mostly followed by a word that occurs once. So `<unk>` is the most likely word after
/// "the".
fn rare() -> String {
    let word = |n: usize| -> String {
        [n / 26 / 26, n / 26, n].map(|digit| char::from(b'a' + (digit % 26) as u8)).iter().collect()
    };
    (0..1500)
        .map(|n| if n % 4 == 0 { "we see the sea .\n".into() } else { format!("we see the {}x .\n", word(n)) })
        .collect()
}

#[test]
fn predict_lists_unk_only_with_the_unk_option() {
    let home = home(rare());
    let trained = train(home.path(), "--epochs 2");
    assert_eq!(trained.status.code(), Some(0), "{}", text(&trained.stderr));
    let predict = |arguments: &str| {
        let output = rnn_lm(home.path(), &format!("predict|we see the|--model|run/model.pt|{arguments}"));
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""));
        text(&output.stdout).to_owned()
    };
    let (without, with) = (predict("--top-k|3"), predict("--top-k|3|--unk"));
    let lines: Vec<_> = without.lines().collect();
    assert!(lines.len() == 4 && lines[0].starts_with("sea "), "{without}");
    let (note, share) = (lines[3], with.lines().next().unwrap().split_whitespace().nth(1).unwrap());
    assert_eq!(note, format!("left out: <unk> (any word outside the vocabulary), {share} %; --unk lists it"));
    let lines: Vec<_> = with.lines().collect();
    assert!(lines.len() == 3 && lines[0].starts_with("<unk> ") && lines[1].starts_with("sea "), "{with}");

    let json = |arguments: &str| -> Value { serde_json::from_str(&predict(&format!("--json|{arguments}"))).unwrap() };
    let (without, with) = (json("--top-k|2"), json("--top-k|2|--unk"));
    assert_eq!((&without["words"][0]["word"], without["words"].as_array().unwrap().len()), (&"sea".into(), 2));
    assert_eq!(without["left_out"], with["words"][0]);
    assert_eq!((&with["words"][0]["word"], &with["left_out"]), (&"<unk>".into(), &Value::Null));
    assert_eq!(without["words"][0], with["words"][1], "probabilities are those among all words");

    let help = rnn_lm(home.path(), "predict|--help");
    let help = text(&help.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(help.contains("left out of the list, unless --unk is given"), "{help}");
    assert_eq!(rnn_lm(home.path(), "predict|we|--unk|--length|2").status.code(), Some(2));
}
