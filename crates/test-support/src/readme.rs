//! README quotes the program of examples/outside, which scripts/test-outside.sh builds and runs.

use std::fs;

use crate::workspace;

#[test]
fn readme_quotes_the_outside_program() {
    let read = |name: &str| fs::read_to_string(workspace().join(name)).unwrap();
    let readme = read("README.md");
    for file in ["examples/outside/src/main.rs", "examples/outside/build.rs"] {
        assert!(readme.contains(&read(file)), "README.md does not quote {file}");
    }
    let manifest = read("examples/outside/Cargo.toml");
    let profile = &manifest[manifest.find("# The kernels").unwrap()..manifest.find("\n# A workspace").unwrap()];
    assert!(readme.contains(profile), "README.md does not quote the profile of examples/outside/Cargo.toml");
}
