//! Stops the build with one clear message when LIBTORCH is missing or of the wrong version.

#[path = "src/lib.rs"]
#[allow(dead_code)]
mod version;

fn main() {
    println!("cargo::rerun-if-env-changed=LIBTORCH");
    println!("cargo::rerun-if-changed=src/lib.rs");
    // Whoever sets LIBTORCH_USE_PYTORCH has torch-sys ask Python, version included.
    println!("cargo::rerun-if-env-changed=LIBTORCH_USE_PYTORCH");
    if std::env::var_os("LIBTORCH_USE_PYTORCH").is_some() {
        return;
    }
    let libtorch = std::env::var_os("LIBTORCH").unwrap_or_else(|| ".libtorch".into());
    for file in ["version.py", "build-version"].map(|name| std::path::Path::new(&libtorch).join(name)) {
        // Cargo takes a file that does not exist for one that has changed, at every build.
        if file.exists() {
            println!("cargo::rerun-if-changed={}", file.display());
        }
    }
    if let Err(message) = version::check(std::path::Path::new(&libtorch)) {
        for line in message.lines() {
            println!("cargo::error={line}");
        }
    }
}
