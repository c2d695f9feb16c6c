//! The program that writes the page: one file that contains the WebAssembly module, the weights, and all data.
//!
//! | module | contents |
//! |---|---|
//! | [`assemble`] | joins the files of `web` to one file |
//! | [`models`] | reads the folders that the lessons wrote |
//! | [`prices`] | reads the prices of stock-lstm |
//! | [`gradients`] | the gradients of RNN, LSTM and GRU through time |
//! | [`memory_task`] | a task that LSTM and GRU learn and the RNN does not |

pub mod assemble;
pub mod gradients;
pub mod memory_task;
pub mod models;
pub mod prices;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Parser;
use rnn_runtime::pt_file::atomic;
use serde_json::json;

/// Writes the lecture page. scripts/lecture-page.sh builds the module, trains the lessons and runs this program.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Options {
    /// The WebAssembly module of this crate
    #[arg(long, value_name = "FILE", default_value = "target/wasm32-unknown-unknown/page/lecture_page.wasm")]
    wasm: PathBuf,

    /// The folder with the lessons' run folders
    #[arg(long, value_name = "DIR", default_value = "models")]
    models: PathBuf,

    /// The sources of the page
    #[arg(long, value_name = "DIR", default_value = "crates/lecture-page/web")]
    web: PathBuf,

    /// The file to write
    #[arg(short, long, value_name = "FILE", default_value = "models/lecture.html")]
    out: PathBuf,
}

impl Options {
    /// Writes the page.
    ///
    /// # Errors
    /// If a model is missing or is another network, or a file cannot be read or written.
    pub fn run(&self) -> Result<()> {
        let wasm = std::fs::read(&self.wasm)
            .with_context(|| format!("cannot read {}; scripts/lecture-page.sh builds it", self.wasm.display()))?;
        let text = models::read_text(&self.models)?;
        let stock = models::read_stock(&self.models)?;
        let digit = models::read_digit(&self.models)?;
        let language = models::read_language(&self.models)?;
        let data = json!({
            "text": text.data,
            "stock": stock.data,
            "digit": digit.data,
            "language": language.as_ref().map(|language| &language.data),
            "gradients": gradients::all()?,
            "weights": gradients::weight_counts(),
            "memory": memory_task::all()?,
        });
        let mut blobs = vec![("wasm", wasm), ("model-text", text.model), ("model-stock", stock.model)];
        blobs.push(("model-digit", digit.model));
        let late: Vec<_> = language.into_iter().map(|language| ("model-language", language.model)).collect();
        let page = assemble::page(&self.web, &data, &blobs, &late)?;
        atomic::write(&self.out, page.as_bytes()).with_context(|| format!("cannot write {}", self.out.display()))?;
        println!("{}: {:.2} MB", self.out.display(), page.len() as f64 / 1e6);
        Ok(())
    }
}
