//! What must hold across the files of the workspace.

use std::fs;
use std::path::Path;

use crate::workspace;

/// scripts/test-outside.sh builds and runs that program.
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

/// Scripts select these tests by their paths. With another name a test would never run.
#[test]
fn ignored_tests_have_a_path_that_selects_them() {
    let mut ignored = 0;
    for crate_ in fs::read_dir(workspace().join("crates")).unwrap() {
        visit(&crate_.unwrap().path().join("tests"), &mut |file, text| {
            for (need, word) in [("needs Python's torch", "python"), ("needs a GPU", "cuda")] {
                for (start, _) in text.match_indices(&format!("#[ignore = \"{need}")) {
                    ignored += 1;
                    let name = text[start..].split("fn ").nth(1).unwrap().split('(').next().unwrap();
                    let in_module = text[..start].contains(&format!("mod {word} {{"));
                    let path = file.to_str().unwrap();
                    assert!(name.contains(word) || path.contains(word) || in_module, "{path}: {name}");
                }
            }
        });
    }
    // A bundle has no sources.
    assert!(ignored > 20 || !workspace().join("Cargo.toml").exists());
}

/// Calls `check` for every Rust file below `folder`, if that exists.
fn visit(folder: &Path, check: &mut dyn FnMut(&Path, &str)) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            visit(&path, check);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            check(&path, &fs::read_to_string(&path).unwrap());
        }
    }
}
