//! The notebook's numbers: `notebooks-ref/expected/LESSON.json`, or the same file from a run of the notebook.
//!
//! notebooks-ref/README.md describes the format.

use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use lesson_kit::{Lesson, check_threads, sha256};
use pt_file::{escape, regular_file};
use serde::Deserialize;
use serde_json::{Map, Number, Value as Json};

/// The supported format.
const FORMAT: u32 = 1;
/// The limit on the size of a notebook and of its numbers.
const MAX_FILE: u64 = 256 << 20;

/// A notebook's numbers and what they depend on.
#[derive(Debug, Deserialize)]
pub(crate) struct Reference {
    format: u32,
    /// The lesson's name.
    pub lesson: String,
    notebook: String,
    notebook_sha256: String,
    versions: Versions,
    /// The machine.
    pub cpu: Cpu,
    /// The seed.
    pub seed: i64,
    /// The number of threads.
    pub threads: i32,
    /// The notebook's options, without the seed and the number of threads.
    pub options: Map<String, Json>,
    /// The numbers, in the notebook's order.
    pub quantities: Vec<ReferenceQuantity>,
}

#[derive(Debug, Deserialize)]
struct Versions {
    torch: String,
}

/// The machine on which a notebook ran.
#[derive(Debug, Deserialize)]
pub(crate) struct Cpu {
    /// `torch.backends.cpu.get_cpu_capability()`.
    pub capability: String,
    /// The CPU's name; empty if the system does not report it.
    pub model: String,
}

/// One tensor: a digest of all of its bytes, and some of its elements.
#[derive(Debug, Deserialize)]
pub(crate) struct ReferenceQuantity {
    /// For example `losses`.
    pub group: String,
    /// For example `epoch`.
    pub name: String,
    /// `float32`, `float64` or `int64`.
    pub dtype: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// SHA-256 of the little-endian bytes in row-major order.
    pub sha256: String,
    /// `values[i]` is element `i * stride`.
    pub stride: usize,
    /// Elements in order.
    pub values: Vec<Number>,
}

impl Reference {
    /// Reads a file in the supported format.
    pub fn read(path: &Path) -> Result<Reference> {
        let text = regular_file::read_to_string(path, MAX_FILE).with_context(|| {
            format!(
                "{}: cannot read the notebook's numbers (run the command in the workspace's folder)",
                path.display()
            )
        })?;
        let reference: Reference = serde_json::from_str(&text).map_err(|error| {
            let (path, error) = (path.display(), error.to_string());
            anyhow!("{path} has wrong content (scripts/run-notebooks.sh creates it again): {}", escape(&error))
        })?;
        ensure!(
            reference.format == FORMAT,
            "{} has format {}, and this program reads format {FORMAT}: scripts/run-notebooks.sh creates it again",
            path.display(),
            reference.format
        );
        Ok(reference)
    }

    /// Checks that the numbers belong to this lesson, this libtorch, and the current notebook.
    ///
    /// # Errors
    /// If one of them differs: the comparison would be meaningless.
    pub fn check(&self, lesson: &Lesson, notebooks: &Path) -> Result<()> {
        ensure!(
            self.lesson == lesson.name,
            "these are the numbers of {}, not of {}",
            escape(&self.lesson),
            lesson.name
        );
        let torch = self.versions.torch.split('+').next().unwrap_or_default();
        let wanted = torch_ext::libtorch::REQUIRED;
        ensure!(
            torch == wanted,
            "the notebook's numbers are those of torch {}, and this program has libtorch {wanted}: \
             scripts/run-notebooks.sh creates them again",
            escape(torch)
        );
        let notebook = notebooks.join(&self.notebook);
        let digest = code_digest(&notebook)?;
        ensure!(
            digest == self.notebook_sha256,
            "{} has changed since its numbers were recorded (code cells {digest:.8}.., recorded {:.8}..): \
             scripts/run-notebooks.sh creates them again",
            notebook.display(),
            self.notebook_sha256
        );
        self.check_content(lesson)
            .context("the notebook's numbers are damaged: scripts/run-notebooks.sh creates them again")
    }

    /// Checks what the comparison relies on: the options, and that values and digests belong together.
    fn check_content(&self, lesson: &Lesson) -> Result<()> {
        check_threads(self.threads.into()).map_err(|reason| anyhow!("threads = {}: {reason}", self.threads))?;
        let batches: &[&str] = if lesson.defaults.batch_size.is_some() { &["batch_size", "num_layers"] } else { &[] };
        for name in ["epochs", "lr", "hidden_size"].iter().chain(batches) {
            ensure!(self.options.get(*name).is_some_and(Json::is_number), "the option {name} is missing");
        }
        ensure!(!self.quantities.is_empty(), "there is no quantity");
        self.quantities
            .iter()
            .try_for_each(|quantity| quantity.check().with_context(|| format!("{}/{}", quantity.group, quantity.name)))
    }
}

impl ReferenceQuantity {
    /// Checks the digest of a quantity that is recorded completely. Of a large one only some elements are recorded.
    fn check(&self) -> Result<()> {
        let is_digest = self.sha256.len() == 64 && self.sha256.bytes().all(|digit| digit.is_ascii_hexdigit());
        ensure!(is_digest, "{:?} is not a SHA-256", self.sha256);
        let elements = self.shape.iter().try_fold(1usize, |product, &length| product.checked_mul(length));
        let elements = elements.with_context(|| format!("the shape {:?} is too large", self.shape))?;
        ensure!(self.stride > 0, "the stride is 0");
        let expected = elements.div_ceil(self.stride);
        let is_complete = self.values.len() == expected;
        // Of the order of the batches only the start is recorded.
        ensure!(
            is_complete || self.group == "batch order" && self.values.len() < expected,
            "{} values are recorded; expected {expected}",
            self.values.len()
        );
        if self.stride == 1 && is_complete {
            let bytes: Option<Vec<Vec<u8>>> = self.values.iter().map(|value| self.bytes(value)).collect();
            let bytes = bytes.with_context(|| format!("a value is not of dtype {}", self.dtype))?;
            ensure!(sha256(&bytes.concat()) == self.sha256, "its values do not have its SHA-256");
        }
        Ok(())
    }

    /// The little-endian bytes of a value.
    fn bytes(&self, value: &Number) -> Option<Vec<u8>> {
        match self.dtype.as_str() {
            "float32" => Some((value.as_f64()? as f32).to_le_bytes().to_vec()),
            "float64" => Some(value.as_f64()?.to_le_bytes().to_vec()),
            "int64" => Some(value.as_i64()?.to_le_bytes().to_vec()),
            _ => None,
        }
    }
}

/// SHA-256 of the sources of a notebook's code cells, joined by empty lines.
fn code_digest(notebook: &Path) -> Result<String> {
    let text = regular_file::read_to_string(notebook, MAX_FILE).with_context(|| notebook.display().to_string())?;
    let json: Json = serde_json::from_str(&text).with_context(|| notebook.display().to_string())?;
    let cells = json["cells"].as_array().with_context(|| format!("{} is not a notebook", notebook.display()))?;
    let source = |cell: &Json| match &cell["source"] {
        Json::Array(lines) => lines.iter().filter_map(Json::as_str).collect(),
        source => source.as_str().unwrap_or_default().to_owned(),
    };
    let code: Vec<String> = cells.iter().filter(|cell| cell["cell_type"] == "code").map(source).collect();
    Ok(sha256(code.join("\n\n").as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_fifo_is_an_error_without_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fifo");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        for error in [Reference::read(&path).unwrap_err(), code_digest(&path).unwrap_err()] {
            assert!(format!("{error:#}").contains("not a regular file but a FIFO (pipe); "), "{error:#}");
        }
    }
}
