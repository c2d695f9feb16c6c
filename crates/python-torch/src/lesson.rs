//! A lesson and its reference notebook, trained side by side.

use std::fs;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::{WAIT_POLICY, run, run_python, workspace};

/// What a training run left behind.
#[derive(Debug)]
pub struct Trained {
    /// Its folder, removed when this value goes.
    pub folder: TempDir,
    /// What it printed on stdout.
    pub stdout: String,
    /// Every loss, in order: of each batch in a lesson with batches, else of each epoch.
    pub losses: Vec<f32>,
}

/// What a notebook left behind, and the numbers that it gathered.
#[derive(Debug)]
pub struct Reference {
    /// The weights in its folder, what it printed, and its losses.
    pub trained: Trained,
    record: Value,
}

impl Reference {
    /// All elements of the quantity `name` of `group`, in row-major order; notebooks-ref/README.md lists the names.
    ///
    /// # Panics
    /// If there is none, or it is so large that only some of its elements were kept.
    pub fn quantity(&self, group: &str, name: &str) -> Vec<f64> {
        quantity(&self.record, group, name)
    }
}

/// Runs the notebook `notebooks-ref/NOTEBOOK` as a program with `args` (see its `run.py`); `None` without a Python torch.
///
/// # Panics
/// If it fails.
pub fn notebook(test: &str, notebook: &str, args: &[&str]) -> Option<Reference> {
    let folder = tempfile::tempdir().unwrap();
    let notebook = format!("notebooks-ref/{notebook}");
    let out = folder.path().to_str().unwrap();
    let mut words = vec!["notebooks-ref/run.py", &notebook, "--out", out];
    words.extend(args);
    let stdout = run_python(test, &words)?;
    let record: Value =
        serde_json::from_str(&fs::read_to_string(folder.path().join("reference.json")).unwrap()).unwrap();
    let finest = if record["options"].get("batch_size").is_some() { "batch" } else { "epoch" };
    let losses = quantity(&record, "losses", finest).into_iter().map(|loss| loss as f32).collect();
    Some(Reference { trained: Trained { folder, stdout, losses }, record })
}

/// Runs a lesson's binary on the CPU with `args`, in the top folder of the workspace and without any environment that
/// would help it find libtorch.
///
/// # Panics
/// If it fails.
pub fn train(binary: &str, args: &[&str]) -> Trained {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(binary)
        .args(["--quiet", "--device", "cpu", "--out", folder.path().to_str().unwrap()])
        .args(args)
        .current_dir(workspace())
        .env_remove("LD_LIBRARY_PATH")
        .env(WAIT_POLICY.0, WAIT_POLICY.1)
        .output()
        .unwrap();
    assert!(output.status.success(), "{binary} {args:?}:\n{}", String::from_utf8_lossy(&output.stderr));
    let metrics = fs::read_to_string(folder.path().join("metrics.jsonl")).unwrap();
    let losses = metrics
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .flat_map(|epoch| match epoch.get("batch_losses") {
            Some(batches) => f32s(batches),
            None => f32s(&Value::Array(vec![epoch["loss"].clone()])),
        })
        .collect();
    Trained { stdout: String::from_utf8_lossy(&output.stdout).into_owned(), losses, folder }
}

/// Asserts that every loss and every trained parameter are the same bits, under the same names in the same order.
///
/// # Panics
/// At the first difference.
pub fn assert_same_bits(test: &str, ours: &Trained, python: &Trained) {
    assert_eq!(ours.losses.len(), python.losses.len(), "{test}: number of losses");
    for (step, (ours, python)) in ours.losses.iter().zip(&python.losses).enumerate() {
        assert_eq!(ours.to_bits(), python.to_bits(), "{test}: loss {} is {ours}, PyTorch's {python}", step + 1);
    }
    let models = [ours, python].map(|trained| trained.folder.path().join("model.pt"));
    let [ours, python] = models.each_ref().map(|path| path.to_str().unwrap());
    run(test, COMPARE_MODELS, &[ours, python]);
}

const COMPARE_MODELS: &str = r"
import sys, torch
ours, python = (torch.load(path, weights_only=True) for path in sys.argv[1:])
assert list(ours) == list(python), f'keys: {list(ours)} and {list(python)}'
assert ours._metadata == python._metadata, f'{ours._metadata} and {python._metadata}'
for name in ours:
    assert ours[name].dtype == python[name].dtype and torch.equal(ours[name], python[name]), f'{name} differs'
";

fn quantity(record: &Value, group: &str, name: &str) -> Vec<f64> {
    let mut quantities = record["quantities"].as_array().unwrap().iter();
    let quantity = quantities
        .find(|quantity| quantity["group"] == group && quantity["name"] == name)
        .unwrap_or_else(|| panic!("the notebook has no {name} among its {group}"));
    let elements: u64 = quantity["shape"].as_array().unwrap().iter().map(|length| length.as_u64().unwrap()).product();
    assert_eq!(quantity["kept"].as_u64(), Some(elements), "{group}, {name}: not all elements were kept");
    quantity["values"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
}

fn f32s(values: &Value) -> Vec<f32> {
    values.as_array().unwrap().iter().map(|value| value.as_f64().unwrap() as f32).collect()
}
