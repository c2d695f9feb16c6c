//! `--explain`: the equations, parameters and tensor shapes of a model.

use std::fmt::Write;

use anyhow::Result;
use recurrent::Backend;
use serde_json::{Value as Json, json};
use tch::Tensor;

use crate::Session;
use crate::plot::grouped;

/// A model, and the shapes of one batch at each step.
#[derive(Debug)]
pub struct Explanation<'a> {
    /// The model in one line.
    pub model: String,
    /// The equations in the order of computation; subscripts as in LaTeX, `h_{t-1}`.
    pub equations: &'a [&'a str],
    /// The parameters with torch's names.
    pub parameters: &'a [(String, Tensor)],
    /// The tensors from input to output, and their shapes for one batch.
    pub steps: &'a [(String, Vec<i64>)],
}

impl Explanation<'_> {
    /// Prints it on stdout; with `--json` as one object.
    ///
    /// # Errors
    /// If stdout cannot be written.
    pub fn print(&self, session: &Session) -> Result<()> {
        session.print(self.table(session.backend()))?;
        session.print_json(&self.json(session.backend()))
    }

    /// The table as text.
    fn table(&self, backend: Backend) -> String {
        let computed_by = match backend {
            Backend::Exact => "libtorch's own operations, PyTorch's bits",
            Backend::Fused => "kernels for whole sequences, PyTorch's numbers up to rounding",
        };
        let mut text = format!("{}\nbackend {backend}: {computed_by}\n\nequations\n", self.model);
        for equation in self.equations {
            let _ = writeln!(text, "  {equation}");
        }
        let shape = |shape: &[i64]| {
            let sides: Vec<_> = shape.iter().map(ToString::to_string).collect();
            format!("({}{})", sides.join(", "), if shape.len() == 1 { "," } else { "" })
        };
        let rows = |rows: Vec<[String; 3]>| {
            let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
            let (first, second, third) = (width(0), width(1), width(2));
            let line = |[name, shape, count]: &[String; 3]| {
                format!("  {name:<first$}  {shape:<second$}  {count:>third$}").trim_end().to_owned()
            };
            rows.iter().map(line).collect::<Vec<_>>().join("\n")
        };
        let count = |tensor: &Tensor| tensor.numel() as u64;
        let parameter = |(name, tensor): &(String, Tensor)| {
            [name.clone(), shape(&tensor.size()), grouped(&count(tensor).to_string())]
        };
        let total: u64 = self.parameters.iter().map(|(_, tensor)| count(tensor)).sum();
        let total = ["total".to_owned(), String::new(), grouped(&total.to_string())];
        let parameters = rows(self.parameters.iter().map(parameter).chain([total]).collect());
        let steps = rows(self.steps.iter().map(|(what, sides)| [what.clone(), shape(sides), String::new()]).collect());
        let _ = write!(text, "\nparameters\n{parameters}\n\nshapes, one batch\n{steps}");
        text
    }

    fn json(&self, backend: Backend) -> Json {
        let parameter = |(name, tensor): &(String, Tensor)| json!({ "name": name, "shape": tensor.size(), "count": tensor.numel() });
        let total: usize = self.parameters.iter().map(|(_, tensor)| tensor.numel()).sum();
        json!({
            "model": self.model,
            "backend": backend.to_string(),
            "equations": self.equations,
            "parameters": self.parameters.iter().map(parameter).collect::<Vec<_>>(),
            "total": total,
            "shapes": self.steps.iter().map(|(what, shape)| json!({ "what": what, "shape": shape })).collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equations_parameters_and_shapes_are_aligned_in_columns() {
        let tensor = |shape: &[i64]| Tensor::zeros(shape, tch::kind::FLOAT_CPU);
        let parameters = [("weight".to_owned(), tensor(&[40, 28])), ("bias".to_owned(), tensor(&[40]))];
        let explanation = Explanation {
            model: "toy: a line".to_owned(),
            equations: &["y = W x + b"],
            parameters: &parameters,
            steps: &[("x, a batch of 7".to_owned(), vec![7, 28]), ("y".to_owned(), vec![7, 40])],
        };
        assert_eq!(
            explanation.table(Backend::Fused),
            "toy: a line\nbackend fused: kernels for whole sequences, PyTorch's numbers up to rounding\n\nequations\n  y = W x + b\n\nparameters\n  weight  (40, 28)  1,120\n  bias    (40,)        40\n  \
             total             1,160\n\nshapes, one batch\n  x, a batch of 7  (7, 28)\n  y                (7, 40)"
        );
        let json = explanation.json(Backend::Exact);
        assert_eq!((&json["total"], &json["parameters"][1]["shape"]), (&json!(1160), &json!([40])));
        assert_eq!(json["backend"], "exact");
        assert_eq!(json["shapes"][0], json!({ "what": "x, a batch of 7", "shape": [7, 28] }));
    }
}
