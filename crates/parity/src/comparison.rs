//! A comparison: the notebook's numbers, and what is required of ours.

use std::path::Path;

use anyhow::Result;
use lesson_kit::{Lesson, Quantity, Recording};
use recurrent::Backend;
use torch_ext::cpu;

use crate::reference::{Reference, ReferenceQuantity};
use crate::tolerances::{Requirement, Tolerance, Tolerances};
use crate::verdict::{self, Row};

/// Groups that depend only on the trained weights.
const AFTER_TRAINING: [&str; 2] = ["predictions", "scores"];

/// The notebook's numbers, and what is required of the lesson's.
#[derive(Debug)]
pub struct Comparison {
    pub(crate) lesson: Lesson,
    pub(crate) reference: Reference,
    pub(crate) live: bool,
    pub(crate) tolerances: Tolerances,
    pub(crate) backend: Backend,
    /// Nothing is trained: only predictions and scores of given weights are compared.
    pub(crate) weights_only: bool,
    /// How this CPU differs from the notebook's; `None` if it is the same CPU.
    pub(crate) other_cpu: Option<String>,
}

impl Comparison {
    /// A comparison with the recorded numbers in `notebooks/expected`. On another CPU `tolerances` apply.
    ///
    /// # Errors
    /// If the numbers are missing, or belong to another lesson, another torch, or another version of the notebook.
    pub fn recorded(lesson: &Lesson, notebooks: &Path, tolerances: &Tolerances) -> Result<Comparison> {
        let reference = Reference::read(&notebooks.join("expected").join(lesson.name).with_extension("json"))?;
        reference.check(lesson, notebooks)?;
        let other_cpu = other_cpu(&reference)?;
        Ok(Comparison::with_reference(lesson, reference, tolerances, other_cpu))
    }

    /// A comparison with the numbers of a notebook that was run now (`--live`).
    pub(crate) fn live(
        lesson: &Lesson,
        reference: Reference,
        notebooks: &Path,
        tolerances: &Tolerances,
    ) -> Result<Comparison> {
        reference.check(lesson, notebooks)?;
        Ok(Comparison { live: true, ..Comparison::with_reference(lesson, reference, tolerances, None) })
    }

    pub(crate) fn with_reference(
        lesson: &Lesson,
        reference: Reference,
        tolerances: &Tolerances,
        other_cpu: Option<String>,
    ) -> Comparison {
        Comparison {
            lesson: *lesson,
            reference,
            live: false,
            tolerances: *tolerances,
            backend: Backend::Exact,
            weights_only: false,
            other_cpu,
        }
    }

    /// The notebook's seed.
    pub fn seed(&self) -> i64 {
        self.reference.seed
    }

    /// The notebook's number of threads.
    pub fn threads(&self) -> i32 {
        self.reference.threads
    }

    /// The table: a row for every quantity of either side.
    pub fn rows(&self, ours: &Recording) -> Vec<Row> {
        let wanted = |group: &str| !self.weights_only || AFTER_TRAINING.contains(&group);
        let recorded: Vec<_> = self.reference.quantities.iter().filter(|recorded| wanted(&recorded.group)).collect();
        let rows = recorded.iter().map(|recorded| {
            let values = ours.get(&recorded.group, &recorded.name).map(|quantity| &quantity.values);
            verdict::compare(recorded, values, self.requirement(recorded))
        });
        let known = |ours: &Quantity| recorded.iter().any(|it| it.group == ours.group && it.name == ours.name);
        rows.chain(ours.iter().filter(|ours| !known(ours)).map(verdict::unexpected)).collect()
    }

    fn requirement(&self, quantity: &ReferenceQuantity) -> Requirement {
        let between = match (self.backend, &self.other_cpu) {
            (Backend::Exact, None) => return Requirement::Bits,
            (Backend::Exact, Some(_)) => "CPUs",
            (Backend::Fused, _) => "backends",
        };
        let one_by_one = self.tolerances.fused_losses.filter(|losses| {
            let wanted = self.backend == Backend::Fused && self.other_cpu.is_none();
            wanted && quantity.group == "losses" && quantity.name == losses.of
        });
        match self.tolerances.between_cpus(&quantity.group, &quantity.name) {
            Some(relative) => Requirement::Within(Tolerance { relative, one_by_one }),
            None => Requirement::Nothing { between },
        }
    }

    /// Why equal bits are not required; `None` if they are.
    pub(crate) fn tolerance_reason(&self) -> Option<String> {
        let fused = (self.backend == Backend::Fused).then(|| "here with --backend fused".to_owned());
        let reasons: Vec<String> = fused.into_iter().chain(self.other_cpu.clone()).collect();
        (!reasons.is_empty()).then(|| reasons.join(", "))
    }
}

/// How the CPU of the recorded numbers differs from this one; `None` if it is the same CPU.
fn other_cpu(reference: &Reference) -> Result<Option<String>> {
    let here = [("CPU capability", cpu::capability()?), ("CPU", cpu::model_name())];
    let there = [&reference.cpu.capability, &reference.cpu.model];
    let differs = here.iter().zip(there).find(|((_, here), there)| here != *there);
    Ok(differs.map(|((what, here), there)| format!("recorded on {what} {there:?}, and this is {here:?}")))
}
