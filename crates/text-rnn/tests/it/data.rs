//! The vocabulary and the batches of the lesson.

use tch::{Device, Kind};
use text_rnn::data::{Batch, SENTENCES, Vocabulary, batch_of_one, make_batch};

#[test]
fn the_vocabulary_has_nine_words_in_order_of_appearance() {
    let vocabulary = Vocabulary::new(&SENTENCES);
    let words: Vec<_> = (0..vocabulary.len()).filter_map(|number| vocabulary.word(number)).collect();
    assert_eq!(words, ["i", "like", "dog", "love", "coffe", "hate", "milk", "you", "cat"]);
    assert_eq!((vocabulary.number("milk"), vocabulary.number("tea"), vocabulary.word(9)), (Some(6), None, None));
}

#[test]
fn a_batch_has_one_hot_vectors_and_target_numbers() {
    let vocabulary = Vocabulary::new(&SENTENCES);
    let Batch { input, target } = make_batch(&SENTENCES, &vocabulary, Device::Cpu).unwrap();
    assert_eq!((input.size(), input.kind()), (vec![6, 2, 9], Kind::Float));
    // "you hate": word numbers 7 and 5
    let numbers = Vec::<i64>::try_from(input.get(5).argmax(-1, false)).unwrap();
    assert_eq!(numbers, [7, 5]);
    assert_eq!(input.sum(Kind::Float).double_value(&[]), 12.0);
    assert_eq!(Vec::<i64>::try_from(target).unwrap(), [2, 4, 6, 8, 6, 4]);
    let one = batch_of_one(&["you", "hate"], &vocabulary, Device::Cpu).unwrap();
    assert_eq!(one, input.narrow(0, 5, 1));
}
