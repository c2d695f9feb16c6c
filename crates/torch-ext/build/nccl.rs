//! The feature `nccl`: where its headers are.
//!
//! Python's torch brings NCCL's and most of CUDA's headers (`scripts/setup.sh --full`). Two more packages of headers,
//! `nvidia-cuda-crt` and `nvidia-cuda-cccl`, it does not bring: they lie beside the others, or in the folders that
//! `NCCL_BUILD_INCLUDE` lists, separated as `PATH` is.

use std::env;
use std::path::{Path, PathBuf};

/// Adds NCCL to the build and to the program; false, with an error of cargo's, where a header is missing.
pub fn add(dist: &mut cc::Build, libtorch_lib: &Path) -> bool {
    println!("cargo::rerun-if-env-changed=NCCL_BUILD_INCLUDE");
    let nvidia = libtorch_lib.join("../../nvidia");
    let more = env::var_os("NCCL_BUILD_INCLUDE").unwrap_or_default();
    let folders: Vec<PathBuf> = ["nccl/include", "cu13/include", "cu13/include/cccl"]
        .into_iter()
        .map(|folder| nvidia.join(folder))
        .chain(env::split_paths(&more))
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
                "cargo::error=feature nccl: no {header} in {folders:?}: {remedy}, or name its folder in NCCL_BUILD_INCLUDE"
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
