//! `scripts/lecture-page.sh` runs this program.

#[cfg(not(target_family = "wasm"))]
fn main() -> anyhow::Result<()> {
    use clap::Parser;
    lecture_page::page::Options::parse().run()
}

#[cfg(target_family = "wasm")]
fn main() {}
