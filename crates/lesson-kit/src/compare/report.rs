//! How a comparison is shown: a table, JSON, a picture.

use std::fmt::Write;

use anyhow::{Context, Result};
use serde::Serialize;

use super::verdict::Row;
use super::{Comparison, Results};
use crate::Backend;
use crate::plot::{Line, LineChart, Stack};

/// What is compared with what, the rows, and the sum of it.
pub fn table(comparison: &Comparison, rows: &[Row]) -> String {
    let mut text = head(comparison) + "\n";
    let columns = ["quantity", "", "notebook", "here", "largest difference", "ULP", "verdict"].map(str::to_owned);
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
    let difference = match (row.difference, row.ulp) {
        (None, _) => "-".to_owned(),
        (Some(0.0), _) => "0".to_owned(),
        (Some(count), None) => format!("{count} elements"),
        (Some(difference), Some(_)) => format!("{difference:.1e}"),
    };
    let ulp = row.ulp.map_or("-".to_owned(), |ulp| ulp.to_string());
    let [group, name, notebook, here, verdict] =
        [&row.group, &row.name, &row.notebook, &row.here, &row.verdict].map(Clone::clone);
    [group, name, notebook, here, difference, ulp, verdict]
}

fn head(comparison: &Comparison) -> String {
    let reference = &comparison.reference;
    let how = if comparison.live { "run now" } else { "as recorded" };
    let threads = if reference.threads == 1 { "1 thread".to_owned() } else { format!("{} threads", reference.threads) };
    let what = match &comparison.saved {
        Some(_) => "the same trained weights".to_owned(),
        None => format!("seed {}, {threads}", reference.seed),
    };
    let demand = match comparison.tolerant() {
        None => "equal bits are demanded".to_owned(),
        Some(why) => format!("equal within a tolerance ({why}; last bits depend on it, and training amplifies them)"),
    };
    let (lesson, capability) = (comparison.lesson.name, &reference.cpu.capability);
    format!("{lesson} beside its notebook, {how}: {what}, {capability}; {demand}")
}

/// The same for machines: one object.
///
/// # Errors
/// If a number has no place in JSON.
pub fn json(comparison: &Comparison, rows: &[Row]) -> Result<String> {
    #[derive(Serialize)]
    struct Report<'a> {
        lesson: &'a str,
        live: bool,
        seed: i64,
        threads: i32,
        backend: Backend,
        cpu_capability: &'a str,
        /// Why a tolerance was allowed.
        tolerance: Option<String>,
        ok: bool,
        rows: &'a [Row],
    }
    let report = Report {
        lesson: comparison.lesson.name,
        live: comparison.live,
        seed: comparison.reference.seed,
        threads: comparison.reference.threads,
        backend: comparison.backend,
        cpu_capability: &comparison.reference.cpu.capability,
        tolerance: comparison.tolerant(),
        ok: rows.iter().all(|row| row.ok),
        rows,
    };
    serde_json::to_string(&report).context("the comparison as JSON")
}

/// Both loss curves, one over the other, and their difference below; `None` where nothing was trained.
pub fn chart(comparison: &Comparison, results: &Results) -> Option<Stack> {
    let losses = |name: &str| {
        let recorded = comparison.reference.quantities.iter().find(|it| it.group == "losses" && it.name == name)?;
        let ours: Vec<f32> = results.get("losses", name)?.values.to_vec().ok()?;
        let theirs: Vec<f64> = recorded.values.iter().filter_map(serde_json::Number::as_f64).collect();
        (recorded.stride == 1).then_some((name.to_owned(), theirs, ours))
    };
    let (name, theirs, ours) = losses("batch").or_else(|| losses("epoch"))?;
    let points = |values: &mut dyn Iterator<Item = f64>| (1..).map(f64::from).zip(values).collect::<Vec<_>>();
    let lesson = comparison.lesson.name;
    let both = LineChart::new(format!("{lesson} beside its notebook: training loss"), name.clone(), "loss")
        .height(360)
        .line(Line::new("notebook", points(&mut theirs.iter().copied())).broad())
        .line(Line::new("here", points(&mut ours.iter().map(|&loss| f64::from(loss)))));
    let differences = &mut ours.iter().zip(&theirs).map(|(&ours, theirs)| f64::from(ours) - theirs);
    let difference = LineChart::new("here less notebook", name, "difference")
        .height(240)
        .line(Line::new("difference", points(differences)));
    Some(Stack(vec![both, difference]))
}
