//! The feature `nccl`: the headers it needs, and how to install them.
//!
//! Python's torch (`scripts/setup.sh --full`) has the headers of NCCL and most of CUDA's. Two more packages of headers are
//! needed: `nvidia-cuda-crt` and `nvidia-cuda-cccl`. They are installed beside the others, or in the folders that
//! `NCCL_BUILD_INCLUDE` lists, separated as in `PATH`.

use std::env;
use std::path::{Path, PathBuf};

/// Adds NCCL to the build. Returns false, after printing an error for cargo, if a header is missing.
pub fn add(dist: &mut cc::Build, libtorch_lib: &Path) -> bool {
    println!("cargo::rerun-if-env-changed=NCCL_BUILD_INCLUDE");
    let nvidia = libtorch_lib.join("../../nvidia");
    let extra = env::var_os("NCCL_BUILD_INCLUDE").unwrap_or_default();
    let folders: Vec<PathBuf> = ["nccl/include", "cu13/include", "cu13/include/cccl"]
        .into_iter()
        .map(|folder| nvidia.join(folder))
        .chain(env::split_paths(&extra))
        .collect();
    let headers = [
        ("nccl.h", "scripts/setup.sh --full installs it"),
        ("cuda_runtime_api.h", "scripts/setup.sh --full installs it"),
        ("crt/host_defines.h", "pip install --no-deps nvidia-cuda-crt==13.0.88"),
        ("nv/target", "pip install --no-deps 'nvidia-cuda-cccl==13.0.85.*'"),
    ];
    for (header, remedy) in headers {
        if !folders.iter().any(|folder| folder.join(header).exists()) {
            println!(
                "cargo::error=feature nccl: no {header} in {folders:?}: {remedy}, or add its folder to NCCL_BUILD_INCLUDE"
            );
            return false;
        }
    }
    dist.includes(folders.iter().filter(|folder| folder.exists()));
    dist.define("USE_C10D_NCCL", None).define("USE_CUDA", None);
    println!("cargo::rustc-link-search=native={}", libtorch_lib.display());
    println!("cargo::rustc-link-lib=torch_cuda");
    true
}
