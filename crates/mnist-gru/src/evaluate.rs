//! The score on digits that the network has never seen.

use anyhow::Result;
use lesson_kit::compare::Results;
use lesson_kit::{cross_entropy, loader, metrics, processes, read_together};
use serde::Serialize;
use tch::{Device, Reduction, Tensor};

use crate::data::{CLASSES, TensorDataset};
use crate::model::MnistNn;

/// Fixed, so that the score of a model does not depend on how it was trained.
const BATCH_SIZE: i64 = 1000;

/// The figures of `summary.json`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// Mean cross-entropy over the test digits.
    pub test_loss: f64,
    /// The share that it names rightly, 0 to 1.
    pub test_accuracy: f64,
    /// How often digit `row` was taken for digit `column`.
    pub confusion: Vec<Vec<i64>>,
    /// For each digit the share that is right of what was taken for it; `None` if nothing was.
    pub precision: Vec<Option<f64>>,
    /// For each digit the share of it that was found; `None` if there was none.
    pub recall: Vec<Option<f64>>,
    /// What it took each test digit for, in order; not in `summary.json`.
    #[serde(skip)]
    pub predicted: Vec<i64>,
}

impl Evaluation {
    /// What the notebook has beside it.
    ///
    /// # Errors
    /// If libtorch cannot copy a tensor.
    pub fn compared(&self, results: &mut Results) -> Result<()> {
        results.add("predictions", "digits", &Tensor::from_slice(&self.predicted))?;
        results.add("scores", "test_loss", &Tensor::from(self.test_loss))?;
        results.add("scores", "test_accuracy", &Tensor::from(self.test_accuracy))?;
        let confusion = Tensor::from_slice(&self.confusion.concat());
        results.add("scores", "confusion", &confusion.f_view([CLASSES as i64, CLASSES as i64])?)
    }
}

/// Asks the network which digit each test image is.
///
/// # Errors
/// If libtorch refuses.
pub fn evaluate(model: &mut MnistNn, test: &TensorDataset, device: Device) -> Result<Evaluation> {
    let _guard = tch::no_grad_guard();
    model.eval();
    let (mut losses, mut predicted, mut target) = (Vec::new(), Vec::new(), Vec::new());
    for indices in loader::sequential(test.len(), BATCH_SIZE, device)? {
        let (inputs, targets) = test.batch(&indices)?;
        let outputs = model.forward(&inputs)?;
        losses.push(cross_entropy(&outputs, &targets, Reduction::Sum)?);
        predicted.push(outputs.f_argmax(1, false)?);
        target.push(targets);
    }
    let loss = read_together::<f32>(&losses)?.into_iter().map(f64::from).sum();
    let predicted = processes::concat(read_together(&predicted)?)?;
    let target = processes::concat(read_together(&target)?)?;
    let confusion = metrics::confusion(&predicted, &target, CLASSES)?;
    Ok(Evaluation {
        test_loss: processes::sum(loss)? / test.len() as f64,
        test_accuracy: metrics::accuracy(&predicted, &target)?,
        precision: metrics::precision(&confusion),
        recall: metrics::recall(&confusion),
        confusion,
        predicted,
    })
}
