//! Probabilities as bars of text.

/// The width of the bar of 100 %.
const FULL: f64 = 40.0;

/// One line for each name: `dog    98.76 %  ████`.
pub fn lines<'a>(named: impl Iterator<Item = (&'a str, f64)> + Clone) -> impl Iterator<Item = String> {
    let width = named.clone().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    named.map(move |(name, share)| {
        let line = format!("{name:<width$}  {:>6.2} %  {}", 100.0 * share, bar(share));
        line.trim_end().to_owned()
    })
}

/// Full blocks, and a last block in steps of an eighth.
fn bar(share: f64) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (8.0 * FULL * share.clamp(0.0, 1.0)).round() as usize;
    "█".repeat(eighths / 8) + EIGHTHS[eighths % 8]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_a_bar_is_proportional_to_its_share() {
        let drawn: Vec<_> = lines([("dog", 1.0), ("milk", 0.253_125), ("i", 0.0)].into_iter()).collect();
        let full = "█".repeat(40);
        assert_eq!(
            drawn,
            [format!("dog   100.00 %  {full}"), "milk   25.31 %  ██████████▏".into(), "i       0.00 %".into()]
        );
    }
}
