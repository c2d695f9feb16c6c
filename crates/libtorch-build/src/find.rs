//! The libtorch that torch-sys uses.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::version;

/// The libtorch that torch-sys links, as seen by a build script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Libtorch {
    /// The folder of the libraries, `.../torch/lib`.
    pub lib: PathBuf,
    /// The release, such as `2.13.0`.
    pub version: String,
}

impl Libtorch {
    /// Finds the libtorch that torch-sys uses, and checks its version.
    ///
    /// The folder comes from a direct dependency that knows it: torch-sys, torch-ext or recurrent. Without such a dependency
    /// the same variables are read as torch-sys reads: `LIBTORCH_USE_PYTORCH`, `LIBTORCH`, `LIBTORCH_LIB`, then `/usr/lib`.
    ///
    /// # Errors
    /// A message for the user if there is no libtorch, or if its version is not the one that torch-sys needs.
    pub fn find() -> Result<Libtorch, String> {
        for variable in ["LIBTORCH", "LIBTORCH_USE_PYTORCH", "LIBTORCH_LIB", version::BYPASS] {
            println!("cargo::rerun-if-env-changed={variable}");
        }
        let lib = from_dependency().map_or_else(from_environment, Ok)?;
        let root = env::var_os("LIBTORCH").filter(|_| env::var_os("LIBTORCH_USE_PYTORCH").is_none());
        let root = root.map(PathBuf::from).or_else(|| Some(lib.parent()?.to_owned())).unwrap_or_default();
        version::rerun_if_changed(&root);
        // Not that of CARGO_MANIFEST_DIR: a downloaded package has a lock file that the build does not use.
        let workspace = env::var_os("OUT_DIR").map(PathBuf::from).unwrap_or_default();
        let version = version::check(&root, &version::torch_sys(&workspace))?;
        Ok(Libtorch { lib, version })
    }

    /// [`configure`](crate::configure) for a build script that also needs the folder. `None` if the build must end: the message
    /// for the user is printed.
    pub fn configure() -> Option<Libtorch> {
        match Libtorch::find() {
            Ok(libtorch) => {
                libtorch.set_run_time_path();
                Some(libtorch)
            }
            Err(message) => {
                version::print_error(&message);
                None
            }
        }
    }

    /// Writes the folder into the package's programs, tests, benches and examples as their run-time search path, and passes it
    /// to the build scripts of dependents, if `Cargo.toml` has a `links` key.
    fn set_run_time_path(&self) {
        println!("cargo::rerun-if-env-changed=LIBTORCH_RPATH");
        let lib = self.lib.display().to_string();
        println!("cargo::metadata=libtorch_lib={lib}");
        println!("cargo::rustc-link-arg=-Wl,-rpath,{}", env::var("LIBTORCH_RPATH").unwrap_or(lib));
    }
}

/// Cargo sets `DEP_TCH_LIBTORCH_LIB`, `DEP_TORCH_EXT_LIBTORCH_LIB` and so on for direct dependencies.
fn from_dependency() -> Option<PathBuf> {
    let known = |name: &str| name.starts_with("DEP_") && name.ends_with("_LIBTORCH_LIB");
    env::vars_os().find(|(name, _)| name.to_str().is_some_and(known)).map(|(_, folder)| folder.into())
}

fn from_environment() -> Result<PathBuf, String> {
    if env::var_os("LIBTORCH_USE_PYTORCH").is_some() {
        return from_python();
    }
    let system = || Path::new("/usr/lib/libtorch.so").exists().then(|| "/usr".into());
    let folder = env::var_os("LIBTORCH_LIB").or_else(|| env::var_os("LIBTORCH")).or_else(system);
    folder.map(|folder| Path::new(&folder).join("lib")).ok_or_else(|| {
        "No libtorch: LIBTORCH is not set. Set it to the folder of a libtorch, or set LIBTORCH_USE_PYTORCH=1 to use the torch of \
         the active Python."
            .to_owned()
    })
}

/// The same Python as torch-sys starts.
fn from_python() -> Result<PathBuf, String> {
    let python = if env::var_os("VIRTUAL_ENV").is_some() { "python" } else { "python3" };
    let program = "import importlib.util as u; print(u.find_spec('torch').submodule_search_locations[0])";
    let output = Command::new(python).args(["-c", program]).output();
    let output =
        output.map_err(|error| format!("LIBTORCH_USE_PYTORCH is set, but {python} does not start: {error}."))?;
    let folder = String::from_utf8(output.stdout).ok().filter(|_| output.status.success());
    let folder = folder.ok_or_else(|| {
        format!("LIBTORCH_USE_PYTORCH is set, but {python} has no torch. Activate the Python environment that has it.")
    })?;
    Ok(Path::new(folder.trim_end()).join("lib"))
}
