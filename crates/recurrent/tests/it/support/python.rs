//! Questions to PyTorch: JSON goes there, JSON and tensors come back.

use std::collections::HashMap;
use std::fs;

use serde::Serialize;
use serde_json::Value;
use tch::Tensor;

/// What every program starts with: `question`, `reply(value, tensors)`, one thread.
const PRELUDE: &str = include_str!("prelude.py");

/// What a program replied.
pub struct Reply {
    pub value: Value,
    pub tensors: HashMap<String, Tensor>,
}

impl Reply {
    /// The tensor of that name.
    pub fn tensor(&self, name: &str) -> &Tensor {
        self.tensors.get(name).unwrap_or_else(|| panic!("Python sent no tensor '{name}'"))
    }
}

/// Runs `program` behind the prelude with `question`.
pub fn ask(program: &str, question: &impl Serialize) -> Reply {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("question.json"), serde_json::to_vec(question).unwrap()).unwrap();
    let args = [path("question.json"), path("reply.safetensors")];
    let printed = test_support::run_python(&format!("{PRELUDE}\n{program}"), &[&args[0], &args[1]]);
    let value = serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error} in {printed}"));
    let tensors = Tensor::read_safetensors(path("reply.safetensors")).unwrap().into_iter().collect();
    Reply { value, tensors }
}
