//! The output of a comparison: a table, a JSON object, a picture.

use std::fmt::Write;

use anyhow::{Context, Result};
use lesson_kit::Recording;
use lesson_kit::plot::{Line, LineChart, Stack};
use serde::Serialize;

use crate::comparison::Comparison;
use crate::distance::Elements;
use crate::verdict::Row;

/// The table: a heading, the rows, and a summary.
pub fn table(comparison: &Comparison, rows: &[Row]) -> String {
    let mut text = head(comparison) + "\n";
    let columns = ["quantity", "", "notebook", "here", "relative difference", "ULP", "verdict"].map(str::to_owned);
    let cells: Vec<[String; 7]> = std::iter::once(columns).chain(rows.iter().map(cells)).collect();
    let width = |column: usize| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..7).map(width).collect();
    for row in &cells {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let _ = match column {
                0 | 1 => write!(line, "{cell:<width$}  "),
                6 => write!(line, "{cell}"),
                _ => write!(line, "{cell:>width$}  "),
            };
        }
        text += line.trim_end();
        text += "\n";
    }
    let equal = rows.iter().filter(|row| row.verdict == "equal").count();
    let within = rows.iter().filter(|row| row.verdict.starts_with("within")).count();
    let within = if within > 0 { format!(", {within} within the tolerance") } else { String::new() };
    text + &format!("{equal} of {} quantities are equal to the bit{within}", rows.len())
}

fn cells(row: &Row) -> [String; 7] {
    let difference = judged(row);
    let ulp = row.ulp.map_or("-".to_owned(), |ulp| ulp.to_string());
    let [group, name, notebook, here, verdict] =
        [&row.group, &row.name, &row.notebook, &row.here, &row.verdict].map(Clone::clone);
    [group, name, notebook, here, difference, ulp, verdict]
}

/// The difference that is compared with the bound of the verdict.
fn judged(row: &Row) -> String {
    let number = |difference: f64| if difference == 0.0 { "0".to_owned() } else { format!("{difference:.2e}") };
    let Some(whole) = row.relative_difference.map(number) else { return "-".to_owned() };
    match row.first.filter(|_| row.verdict != "equal") {
        Some(first) => format!("{whole}; {} each", number(first.relative_difference)),
        None => whole,
    }
}

fn head(comparison: &Comparison) -> String {
    let reference = &comparison.reference;
    let how = if comparison.live { "run now" } else { "as recorded" };
    let threads = if reference.threads == 1 { "1 thread".to_owned() } else { format!("{} threads", reference.threads) };
    let what = if comparison.weights_only {
        "the same trained weights".to_owned()
    } else {
        format!("seed {}, {threads}", reference.seed)
    };
    let requirement = match comparison.tolerance_reason() {
        None => "equal bits are required".to_owned(),
        Some(why) => {
            format!("equal within a tolerance ({why}; the last bits depend on it, and training amplifies them)")
        }
    };
    let (lesson, capability) = (comparison.lesson.name, &reference.cpu.capability);
    format!("{lesson} and its notebook, {how}: {what}, {capability}; {requirement}")
}

/// The table as one JSON object.
pub fn json(comparison: &Comparison, rows: &[Row]) -> Result<String> {
    #[derive(Serialize)]
    struct Report<'a> {
        lesson: &'a str,
        live: bool,
        seed: i64,
        threads: i32,
        backend: String,
        cpu_capability: &'a str,
        /// Why equal bits are not required.
        tolerance: Option<String>,
        ok: bool,
        rows: &'a [Row],
    }
    let report = Report {
        lesson: comparison.lesson.name,
        live: comparison.live,
        seed: comparison.reference.seed,
        threads: comparison.reference.threads,
        backend: comparison.backend.to_string(),
        cpu_capability: &comparison.reference.cpu.capability,
        tolerance: comparison.tolerance_reason(),
        ok: rows.iter().all(|row| row.ok),
        rows,
    };
    serde_json::to_string(&report).context("the comparison as JSON")
}

/// Both loss curves in one chart, and their difference below; `None` if nothing was trained.
pub fn chart(comparison: &Comparison, ours: &Recording) -> Option<Stack> {
    let (name, losses) =
        ["batch", "epoch"].into_iter().find_map(|name| Some((name, losses(comparison, ours, name)?)))?;
    let points = |value: fn(&(f64, f64)) -> f64| (1..).map(f64::from).zip(losses.iter().map(value)).collect::<Vec<_>>();
    let lesson = comparison.lesson.name;
    let both = LineChart::new(format!("{lesson} and its notebook: training loss"), name, "loss")
        .height(360)
        .line(Line::new("notebook", points(|&(_, theirs)| theirs)).broad())
        .line(Line::new("here", points(|&(ours, _)| ours)));
    let equal = losses.iter().all(|(ours, theirs)| ours == theirs);
    let title = if equal { "here minus notebook: 0 everywhere" } else { "here minus notebook" };
    let difference = LineChart::new(title, name, "difference")
        .height(240)
        .line(Line::new("difference", points(|(ours, theirs)| ours - theirs)));
    Some(Stack(vec![both, difference]))
}

/// Our losses and the notebook's, in the dtype in which the table compares them; `None` if they are missing on one side.
fn losses(comparison: &Comparison, ours: &Recording, name: &str) -> Option<Vec<(f64, f64)>> {
    let recorded = comparison.reference.quantities.iter().find(|it| it.group == "losses" && it.name == name)?;
    let elements = Elements::new(&ours.get("losses", name)?.values)?;
    (recorded.stride == 1).then(|| elements.pairs(recorded))
}

#[cfg(test)]
mod tests {
    use tch::Tensor;

    use lesson_kit::{Defaults, Lesson, sha256};

    use super::*;
    use crate::reference::Reference;
    use crate::tolerances::Tolerances;

    const LESSON: Lesson = Lesson {
        name: "some-lesson",
        version: "1.2.3",
        defaults: Defaults { epochs: 3, lr: 0.01, hidden_size: 5, num_layers: 1, batch_size: None },
        pictures: &[],
        texts: &[],
    };

    const TOLERANCES: Tolerances = Tolerances { between_cpus: &[("losses", 0.25)], fused_losses: None };

    /// A comparison with losses as in the notebook's JSON: the shortest decimals of float32 numbers.
    fn comparison(other_cpu: Option<&str>) -> Comparison {
        let bytes: Vec<u8> = [1.9430751f32, 0.1, 0.009441572].iter().flat_map(|loss| loss.to_le_bytes()).collect();
        let json = format!(
            r#"{{"format": 1, "lesson": "some-lesson", "notebook": "some_lesson.ipynb", "notebook_sha256": "",
                "versions": {{"torch": ""}}, "cpu": {{"capability": "AVX512", "model": ""}}, "seed": 0, "threads": 1, "options": {{}},
                "quantities": [{{"group": "losses", "name": "epoch", "dtype": "float32", "shape": [3], "sha256": "{}",
                                 "stride": 1, "values": [1.9430751, 0.1, 0.009441572]}}]}}"#,
            sha256(&bytes)
        );
        let reference: Reference = serde_json::from_str(&json).unwrap();
        Comparison::with_reference(&LESSON, reference, &TOLERANCES, other_cpu.map(str::to_owned))
    }

    fn ours(losses: &[f32]) -> Recording {
        let mut recording = Recording::default();
        recording.add("losses", "epoch", &Tensor::from_slice(losses)).unwrap();
        recording
    }

    #[test]
    fn the_picture_shows_no_difference_if_the_verdict_is_equal() {
        let (comparison, same) = (comparison(None), ours(&[1.9430751, 0.1, 0.009441572]));
        let rows = comparison.rows(&same);
        assert_eq!((rows.len(), rows[0].verdict.as_str()), (1, "equal"));
        let losses = losses(&comparison, &same, "epoch").unwrap();
        assert!(losses.len() == 3 && losses.iter().all(|(ours, theirs)| ours == theirs), "{losses:?}");
        let text = |ours: &Recording| format!("{:?}", chart(&comparison, ours).unwrap());
        assert!(text(&same).contains("here minus notebook: 0 everywhere"));
        let other = ours(&[1.9430751, 0.1, 0.009441573]);
        assert!(text(&other).contains("\"here minus notebook\""), "{}", text(&other));
    }

    #[test]
    fn the_table_prints_the_difference_that_is_judged() {
        let comparison = comparison(Some("recorded on another CPU"));
        // 0.4 apart where the largest loss is 1.94: a share of 0.206, within 0.25.
        let rows = comparison.rows(&ours(&[1.9430751, 0.5, 0.009441572]));
        assert!(rows[0].ok, "{rows:?}");
        let table = table(&comparison, &rows);
        assert!(table.lines().nth(1).unwrap().contains("relative difference"), "{table}");
        let row = table.lines().nth(2).unwrap();
        assert!(row.contains(" 2.06e-1 ") && row.ends_with("within 2.5e-1"), "{row}");
        let json: serde_json::Value = serde_json::from_str(&json(&comparison, &rows).unwrap()).unwrap();
        let row = &json["rows"][0];
        let number = |key: &str| row[key].as_f64().unwrap();
        assert!(
            (number("relative_difference") - 0.4 / 1.943).abs() < 1e-3 && (number("difference") - 0.4).abs() < 1e-6
        );
        assert_eq!(number("bound"), 0.25);
    }
}
