//! Corpora, their vocabularies and batches, and the message for every unusable corpus.

use rnn_lm::data::{Corpus, Part, UNKNOWN, batchify, pieces};
use rnn_lm::tokens::Unit;
use tch::{Device, Tensor};
use test_support::lesson::{file_names, text};

use crate::support::{english, home, korean, rnn_lm, train};

#[test]
fn the_parts_are_in_order_and_the_vocabulary_comes_from_the_training_part() {
    let home = home("b a b c b a d d e e");
    let corpus = Corpus::read(&home.path().join("corpus.txt"), Unit::Word).unwrap();
    let tokens = |part: Part<'_>| part.tokens().collect::<Vec<_>>().join(" ");
    assert_eq!([tokens(corpus.train()), tokens(corpus.valid()), tokens(corpus.test())], ["b a b c b a d d", "e", "e"]);
    let vocabulary = corpus.vocabulary(2).unwrap();
    let words: Vec<_> = (0..vocabulary.len()).filter_map(|number| vocabulary.word(number)).collect();
    assert_eq!(words, [UNKNOWN, "b", "a", "d"], "by frequency, then by appearance");
    assert_eq!(vocabulary.encode(&["d", "e", "b"].map(str::to_owned)), [3, 0, 1]);
    assert_eq!(vocabulary.encode_part(corpus.train()), [1, 2, 1, 0, 1, 2, 3, 3]);
}

#[test]
fn columns_and_pieces_equal_those_of_pytorchs_word_language_model() {
    // data = torch.arange(26); data[:24].view(4, 6).t().contiguous(), the alphabet in the comment of PyTorch's example
    let columns = batchify(&(0..26).collect::<Vec<_>>(), 4, Device::Cpu).unwrap();
    assert_eq!(columns.size(), [6, 4]);
    assert_eq!(Vec::<i64>::try_from(columns.get(1)).unwrap(), [1, 7, 13, 19]);

    let pieces = pieces(&columns, 3).unwrap();
    let numbers = |tensor: &Tensor| Vec::<i64>::try_from(tensor.reshape([-1])).unwrap();
    assert_eq!(pieces.len(), 2);
    assert_eq!(numbers(&pieces[1].0), [3, 9, 15, 21, 4, 10, 16, 22]);
    assert_eq!(numbers(&pieces[1].1), [4, 10, 16, 22, 5, 11, 17, 23]);
    assert!(batchify(&[1, 2, 3], 2, Device::Cpu).is_err());
}

/// The error message for a corpus of these bytes.
fn error(bytes: impl AsRef<[u8]>, options: &str) -> String {
    let home = home(bytes);
    let output = train(home.path(), options);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let run = home.path().join("run");
    assert!(!run.exists() || file_names(&run).is_empty());
    text(&output.stderr).lines().last().unwrap_or_default().to_owned()
}

#[test]
fn an_unusable_corpus_is_an_error() {
    let mut bytes = "고래 a".as_bytes().to_vec();
    bytes.extend([0xff, b'b']);
    let message = error(&bytes, "");
    assert!(
        message.starts_with("error: corpus.txt is not UTF-8: the byte at offset 8 is not part of a UTF-8 character"),
        "{message}"
    );
    for (bytes, advice) in [
        (
            &b"\xff\xfea\0 \0b\0"[..],
            "is UTF-16, but a corpus must be UTF-8; convert it with `iconv -f utf-16 -t utf-8`",
        ),
        (b"\xfe\xff\0a\0 \0b", "is UTF-16, but a corpus must be UTF-8; convert it with `iconv -f utf-16 -t utf-8`"),
        (b"a\0 \0b\0", "is not UTF-8 text: the byte at offset 1 is 0; if it is UTF-16 without a byte order mark"),
    ] {
        let message = error(bytes, "");
        assert!(message.starts_with(&format!("error: corpus.txt {advice}")), "{message}");
    }
    assert_eq!(error("", ""), "error: corpus.txt is empty: a corpus needs text");
    assert_eq!(error(" \n\t ", ""), "error: corpus.txt is empty: a corpus needs text");
    let message = error("whale ".repeat(1000), "");
    assert!(message.starts_with("error: a vocabulary of 1: the training part has 1 different words"), "{message}");
    let message = error("all of these words are different", "");
    assert!(message.contains("a vocabulary of 0") && message.contains("--min-count"), "{message}");
    let message = error("a b ".repeat(8), "--batch-size 100");
    assert!(message.contains("--batch-size") && message.contains("12 tokens are too few"), "{message}");
}

#[test]
fn a_missing_corpus_is_an_error_that_names_it_and_the_download_script() {
    let home = home("");
    let output = rnn_lm(home.path(), "--out|run");
    assert_eq!(
        text(&output.stderr),
        "error: cannot read the corpus data/moby-dick/moby-dick.txt (run scripts/fetch-data.sh, which \
         downloads Moby Dick to this file): No such file or directory (os error 2)\n"
    );
    let output = rnn_lm(home.path(), "--corpus|nowhere.txt");
    assert_eq!(
        text(&output.stderr),
        "error: cannot read the corpus nowhere.txt: No such file or directory (os error 2)\n"
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_korean_corpus_trains_a_model_that_predicts_korean_words() {
    let home = home(korean());
    let output = train(home.path(), "--epochs 3");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let output = rnn_lm(home.path(), "predict|학생은 책을|--model|run/model.pt");
    assert!(text(&output.stdout).starts_with("읽는다"), "{}{}", text(&output.stdout), text(&output.stderr));
    let output = rnn_lm(home.path(), "predict|선생님은|--model|run/model.pt|--length|6|--top-k|1");
    assert!(text(&output.stdout).starts_with("선생님은 "), "{}", text(&output.stdout));
    let output = rnn_lm(home.path(), "predict|할머니는|--model|run/model.pt");
    assert!(text(&output.stderr).contains("할머니는"), "{}", text(&output.stderr));
}

#[test]
fn chars_trains_a_model_that_generates_characters() {
    let home = home(english());
    let output = train(home.path(), "--chars --epochs 1");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let output = rnn_lm(home.path(), "predict|the wh|--model|run/model.pt|--length|20|--seed|3");
    let written = text(&output.stdout).strip_suffix('\n').unwrap();
    assert!(written.starts_with("the wh") && written.chars().count() == 26, "{written:?}");
    let eval = rnn_lm(home.path(), "eval|run/model.pt|--corpus|corpus.txt");
    assert!(text(&eval.stdout).contains("test perplexity = "), "{}", text(&eval.stderr));
}
