//! Runs Python programs with PyTorch. The input is JSON; the output is JSON and tensors.

use std::collections::HashMap;
use std::fs;

use serde::Serialize;
use serde_json::Value;
use tch::Tensor;

/// The start of every program: it defines `question` and `reply(value, tensors)`, and sets one thread.
const PRELUDE: &str = include_str!("prelude.py");

/// The output of a program.
pub struct Reply {
    pub value: Value,
    pub tensors: HashMap<String, Tensor>,
}

impl Reply {
    /// The tensor with this name.
    pub fn tensor(&self, name: &str) -> &Tensor {
        self.tensors.get(name).unwrap_or_else(|| panic!("Python returned no tensor '{name}'"))
    }
}

/// Runs `program` after the prelude, with `question` as its input.
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
