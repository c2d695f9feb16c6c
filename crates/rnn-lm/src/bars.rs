//! Probabilities as bars of text.

/// Characters of the longest bar.
const WIDTH: f64 = 30.0;

/// A line for each word, the likeliest first: its probability, and a bar as long beside that of the first.
pub fn lines(words: &[(String, f64)]) -> Vec<String> {
    let width = words.iter().map(|(word, _)| word.chars().count()).max().unwrap_or(0);
    let most = words.first().map_or(1.0, |(_, probability)| *probability);
    let line = |(word, probability): &(String, f64)| {
        let bar = "█".repeat((WIDTH * probability / most).round() as usize);
        format!("{word:<width$}  {:6.2} %  {bar}", 100.0 * probability).trim_end().to_owned()
    };
    words.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_the_words_are_likely() {
        let words = [("books", 0.5), ("eyes", 0.25), (".", 0.001)].map(|(word, share)| (word.to_owned(), share));
        let (long, short) = ("█".repeat(30), "█".repeat(15));
        assert_eq!(
            lines(&words),
            [format!("books   50.00 %  {long}"), format!("eyes    25.00 %  {short}"), ".        0.10 %".into()]
        );
    }
}
