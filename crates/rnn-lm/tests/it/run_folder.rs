//! For every command, `--out DIR` is a run folder with the model and its vocabulary.

use test_support::lesson::text;

use crate::support::{english, home, rnn_lm, train};

#[test]
fn every_command_accepts_a_run_folder() {
    let home = home(english());
    assert_eq!(train(home.path(), "--epochs 1").status.code(), Some(0));
    for command in ["predict|the white", "predict|the|--length|3", "eval"] {
        let stdout = |model: &str| {
            let output = rnn_lm(home.path(), &format!("{command}|--threads|1|{model}"));
            assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
            text(&output.stdout).to_owned()
        };
        assert_eq!(stdout("--out|run"), stdout("--model|run/model.pt"), "{command}");
    }
    for (arguments, message) in [
        ("predict|the|--model|run", "run: this is a folder, but FILE must be a model; --out run reads the model in it"),
        (
            "predict|the|--out|run/model.pt",
            "--out run/model.pt: this is a file, but --out must be a run folder; --model run/model.pt reads that model",
        ),
        ("eval|run", "run: this is a folder, but FILE must be a model; --out run reads the model in it"),
    ] {
        let output = rnn_lm(home.path(), arguments);
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(1), format!("error: {message}\n").as_str()));
    }
}

#[test]
fn a_diverged_run_prints_short_perplexities() {
    let home = home(english());
    let output = train(home.path(), "--lr 100 --epochs 1");
    let stdout = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(stdout.split_whitespace().all(|word| word.trim_end_matches(',').len() < 16), "{stdout}");
    let of = |line: &str| {
        let (_, rest) = stdout.split_once(line).unwrap();
        rest.split([',', '\n']).next().unwrap().parse::<f64>().unwrap()
    };
    for line in ["0001 perplexity = ", "\nvalidation perplexity = ", "\ntest perplexity = "] {
        assert!(of(line) > 1e6, "{stdout}");
    }
}
