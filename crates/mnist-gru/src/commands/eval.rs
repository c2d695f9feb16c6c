//! The score on the test digits.

use anyhow::Result;
use lesson_kit::{Evaluation, Session, copy_to_host, metrics};
use serde::Serialize;
use tch::{Reduction, Tensor};
use torch_ext::data::sequential_batches;
use torch_ext::nn::cross_entropy;

use crate::data::{CLASSES, TensorDataset};
use crate::model::MnistNn;

/// Fixed, so that the score of a model does not depend on the options of its training.
const BATCH_SIZE: i64 = 1000;

/// The scores on the test digits.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scores {
    /// Mean cross-entropy.
    pub test_loss: f64,
    /// The share of correct predictions, 0 to 1.
    pub test_accuracy: f64,
    /// `confusion[i][j]`: how many digits `i` were classified as `j`.
    pub confusion: Vec<Vec<i64>>,
    /// For each digit the share of correct predictions among those that predict it; `None` if there are none.
    pub precision: Vec<Option<f64>>,
    /// For each digit the share that was classified correctly; `None` if there are none.
    pub recall: Vec<Option<f64>>,
    /// The prediction for each test digit; not in `summary.json`.
    #[serde(skip)]
    pub predicted: Vec<i64>,
}

/// Classifies the test digits. Under torchrun each worker classifies its share of the batches.
pub fn evaluate(model: &mut MnistNn, test: &TensorDataset, session: &Session) -> Result<Scores> {
    let _guard = tch::no_grad_guard();
    let workers = session.workers();
    model.eval();
    let (mut losses, mut predicted, mut target) = (Vec::new(), Vec::new(), Vec::new());
    let batches = sequential_batches(test.len(), BATCH_SIZE, session.device())?;
    let own = workers.shard_range(batches.len());
    for indices in batches.take(own.end).skip(own.start) {
        let (inputs, targets) = test.batch(&indices)?;
        let outputs = model.forward(&inputs)?;
        losses.push(cross_entropy(&outputs, &targets, Reduction::Sum)?);
        predicted.push(outputs.f_argmax(1, false)?);
        target.push(targets);
    }
    let loss = copy_to_host::<f32>(&losses)?.into_iter().map(f64::from).sum();
    let predicted = workers.all_gather(copy_to_host(&predicted)?)?;
    let target = workers.all_gather(copy_to_host(&target)?)?;
    let confusion = metrics::confusion(&predicted, &target, CLASSES)?;
    Ok(Scores {
        test_loss: workers.all_reduce_sum(loss)? / test.len() as f64,
        test_accuracy: metrics::accuracy(&predicted, &target)?,
        precision: metrics::precision(&confusion),
        recall: metrics::recall(&confusion),
        confusion,
        predicted,
    })
}

impl Evaluation for Scores {
    fn lines(&self) -> Vec<String> {
        vec![
            format!("{}\n", table(self)),
            format!("test loss = {:.6}", self.test_loss),
            format!("test accuracy = {:.2} %", 100.0 * self.test_accuracy),
        ]
    }

    fn tensors(&self) -> Result<Vec<(&'static str, &'static str, Tensor)>> {
        let side = CLASSES as i64;
        Ok(vec![
            ("predictions", "digits", Tensor::from_slice(&self.predicted)),
            ("scores", "test_loss", Tensor::from(self.test_loss)),
            ("scores", "test_accuracy", Tensor::from(self.test_accuracy)),
            ("scores", "confusion", Tensor::from_slice(&self.confusion.concat()).f_view([side, side])?),
        ])
    }
}

/// The confusion matrix as text: true digits are rows, predicted digits are columns; recall and precision in percent. A `.` is a
/// zero.
fn table(scores: &Scores) -> String {
    let counts = scores.confusion.iter().flatten();
    let width = counts.map(|count| count.to_string().len() + 2).max().unwrap_or(0).max(6);
    let cells =
        |cells: &mut dyn Iterator<Item = String>| cells.map(|cell| format!("{cell:>width$}")).collect::<String>();
    let percent = |share: &Option<f64>| share.map_or("-".to_owned(), |share| format!("{:.1}", 100.0 * share));
    let digits = cells(&mut (0..CLASSES).map(|digit| digit.to_string()));
    let mut lines = vec![format!("true \\ pred{digits}  recall %")];
    for (digit, (counts, recall)) in scores.confusion.iter().zip(&scores.recall).enumerate() {
        let count = |&count: &i64| if count == 0 { ".".to_owned() } else { count.to_string() };
        lines.push(format!("{digit:>11}{}{:>10}", cells(&mut counts.iter().map(count)), percent(recall)));
    }
    lines.push(format!("precision %{}", cells(&mut scores.precision.iter().map(percent))));
    lines.join("\n")
}
