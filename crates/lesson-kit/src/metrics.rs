//! Scores of a model.

use anyhow::{Result, ensure};

/// The share of correct predictions, 0 to 1.
///
/// # Errors
/// If the lengths differ, or the lists are empty.
pub fn accuracy(predicted: &[i64], target: &[i64]) -> Result<f64> {
    check_lengths(predicted, target)?;
    ensure!(!target.is_empty(), "there are no predictions to score");
    let right = predicted.iter().zip(target).filter(|(predicted, target)| predicted == target).count();
    Ok(right as f64 / target.len() as f64)
}

/// The confusion matrix: `counts[target][predicted]`, of shape `(classes, classes)`.
///
/// # Errors
/// If the lengths differ, or a class is not in `0..classes`.
pub fn confusion(predicted: &[i64], target: &[i64], classes: usize) -> Result<Vec<Vec<i64>>> {
    check_lengths(predicted, target)?;
    let index = |class: i64| match usize::try_from(class) {
        Ok(index) if index < classes => Ok(index),
        _ => Err(anyhow::anyhow!("class {class} is not in 0..{classes}")),
    };
    let mut counts = vec![vec![0; classes]; classes];
    for (&predicted, &target) in predicted.iter().zip(target) {
        counts[index(target)?][index(predicted)?] += 1;
    }
    Ok(counts)
}

/// For each class the share of correct predictions among those that predict it; `None` if there are none.
pub fn precision(confusion: &[Vec<i64>]) -> Vec<Option<f64>> {
    let taken = |class: usize| confusion.iter().filter_map(|counts| counts.get(class)).sum::<i64>();
    (0..confusion.len()).map(|class| share(confusion[class].get(class), taken(class))).collect()
}

/// For each class the share of its examples that are predicted correctly; `None` if there are none.
pub fn recall(confusion: &[Vec<i64>]) -> Vec<Option<f64>> {
    confusion.iter().enumerate().map(|(class, counts)| share(counts.get(class), counts.iter().sum())).collect()
}

fn share(part: Option<&i64>, whole: i64) -> Option<f64> {
    part.filter(|_| whole > 0).map(|&part| part as f64 / whole as f64)
}

/// `e^L` of a mean cross-entropy `L` in nats: a model that chooses uniformly among N words has perplexity N.
pub fn perplexity(mean_loss: f64) -> f64 {
    mean_loss.exp()
}

/// A perplexity as text with `decimals` decimals; above a million (training has diverged) with an exponent.
pub fn format_perplexity(perplexity: f64, decimals: usize) -> String {
    if perplexity > 1e6 { format!("{perplexity:.4e}") } else { format!("{perplexity:.decimals$}") }
}

fn check_lengths(predicted: &[i64], target: &[i64]) -> Result<()> {
    ensure!(predicted.len() == target.len(), "{} predictions for {} targets", predicted.len(), target.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confusion_counts_targets_and_predictions() {
        // sklearn.metrics.confusion_matrix([0, 1, 2, 2], [0, 2, 2, 1], labels=range(3))
        assert_eq!(confusion(&[0, 2, 2, 1], &[0, 1, 2, 2], 3).unwrap(), [[1, 0, 0], [0, 0, 1], [0, 1, 1]]);
        assert_eq!(accuracy(&[0, 2, 2, 1], &[0, 1, 2, 2]).unwrap(), 0.5);
    }

    #[test]
    fn precision_uses_columns_and_recall_uses_rows() {
        // sklearn.metrics.precision_score([0, 0, 0, 1, 1], [0, 0, 1, 1, 1], average=None), and recall_score; the third
        // class never occurs
        let confusion = [vec![2, 1, 0], vec![0, 2, 0], vec![0, 0, 0]];
        assert_eq!(precision(&confusion), [Some(1.0), Some(2.0 / 3.0), None]);
        assert_eq!(recall(&confusion), [Some(2.0 / 3.0), Some(1.0), None]);
    }

    #[test]
    fn different_lengths_and_unknown_classes_are_errors() {
        assert_eq!(accuracy(&[1], &[1, 2]).unwrap_err().to_string(), "1 predictions for 2 targets");
        assert_eq!(accuracy(&[], &[]).unwrap_err().to_string(), "there are no predictions to score");
        assert_eq!(confusion(&[10], &[0], 10).unwrap_err().to_string(), "class 10 is not in 0..10");
        assert_eq!(confusion(&[-1], &[0], 10).unwrap_err().to_string(), "class -1 is not in 0..10");
    }

    #[test]
    fn a_huge_perplexity_has_an_exponent() {
        let text = |perplexity| [2, 4].map(|decimals| format_perplexity(perplexity, decimals));
        assert_eq!(text(99.849), ["99.85", "99.8490"]);
        assert_eq!(text(1e6), ["1000000.00", "1000000.0000"]);
        assert_eq!(text(1_000_001.0), ["1.0000e6"; 2]);
        assert_eq!(text(perplexity(390.0)), ["2.3705e169"; 2]);
        assert_eq!(
            (text(f64::INFINITY), text(f64::NAN)),
            (["inf"; 2].map(str::to_owned), ["NaN"; 2].map(str::to_owned))
        );
    }

    #[test]
    fn perplexity_of_a_uniform_guess_is_the_number_of_choices() {
        assert!((perplexity(9f64.ln()) - 9.0).abs() < 1e-12);
    }
}
