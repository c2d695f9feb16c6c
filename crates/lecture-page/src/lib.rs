//! The lecture on one web page: the trained lessons, computed in the browser.
//!
//! The crate is compiled twice. For `wasm32-unknown-unknown` it is the module that computes the networks in the page; for
//! the host it is also the program that writes the page (`scripts/lecture-page.sh`).
//!
//! | module | contents |
//! |---|---|
//! | [`text`], [`stock`], [`digit`], [`language`] | the networks of the four lessons, over rnn-runtime |
//! | [`normalise`] | a drawing in the format of MNIST: the source file of mnist-gru |
//! | [`boundary`] | the functions that the page's JavaScript calls, and how numbers travel |
//! | `page` | the program: reads the models, computes the gradients, writes the file (not in the WebAssembly module) |
//!
//! The page itself is in `web`: a file for each part of the page, and `diagrams.js`, which also draws the pictures of
//! docs/course.md.

#![deny(unsafe_code)] // boundary.rs allows the attribute that exports a function

pub mod boundary;
pub mod data;
pub mod digit;
pub mod language;
/// The source file of mnist-gru. The lesson links libtorch, so that it cannot be a dependency of this crate.
#[path = "../../mnist-gru/src/commands/normalise.rs"]
pub mod normalise;
#[cfg(not(target_family = "wasm"))]
pub mod page;
pub mod stock;
pub mod text;
