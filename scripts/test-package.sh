#!/usr/bin/env bash
# Checks that the library crates can be published. See --help.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@" # if started with sh
set -euo pipefail

usage="Usage: scripts/test-package.sh [--quick | --msrv]

Packages every library crate as for crates.io, and builds each package against the others (cargo package). Also runs 'cargo publish
--dry-run', builds the documentation without libtorch, and checks that pt-file, rnn-kernels and rnn-runtime need no libtorch.
Everything must be committed.

  --quick   does not build the packages
  --msrv    checks each crate with the Rust version of its Cargo.toml instead; rustup installs these versions"

crates=(libtorch-build pt-file rnn-kernels rnn-runtime torch-ext recurrent)

main() {
    local mode=${1-}
    case $mode in
        -h | --help) printf '%s\n' "$usage" && exit ;;
        '' | --quick | --msrv) ;;
        *) printf '%s\n' "$usage" >&2 && exit 2 ;;
    esac
    cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.."
    packages=("${crates[@]/#/--package=}")
    if [ "$mode" = --msrv ]; then
        check_rust_versions
        return
    fi
    check_without_libtorch
    check_licences
    step build_docs
    if [ "$mode" = --quick ]; then
        step cargo package --no-verify --quiet "${packages[@]}"
    else
        remove_earlier_packages
        step cargo package --target-dir target/package-test "${packages[@]}"
    fi
    step cargo publish --dry-run --no-verify --quiet "${packages[@]}"
    printf 'test-package.sh: all checks passed\n'
}

step() { printf '\n== %s\n' "$*" && "$@"; }

check_without_libtorch() {
    local crate tree
    for crate in pt-file rnn-kernels rnn-runtime; do
        tree=$(cargo tree --edges normal,build --package "$crate" --all-features --prefix none)
        case $tree in *torch-sys*) die "$crate depends on torch-sys" ;; esac
    done
}

check_licences() {
    local crate list
    for crate in "${crates[@]}"; do
        list=$(cargo package --list --allow-dirty --package "$crate")
        for file in LICENSE-MIT LICENSE-APACHE README.md; do
            grep -qx "$file" <<< "$list" || die "the package of $crate has no $file"
        done
    done
}

# Cargo reuses the unpacked source (in CARGO_HOME) and the build output of an earlier run if the version is the same.
remove_earlier_packages() {
    local crate
    for crate in "${crates[@]}"; do
        rm -rf "${CARGO_HOME:-$HOME/.cargo}"/registry/src/-*/"$crate"-[0-9]*
    done
    cargo clean --quiet --target-dir target/package-test "${packages[@]}"
}

# As docs.rs: no libtorch, and no C++ compiler.
build_docs() {
    env -u LIBTORCH_USE_PYTORCH LIBTORCH=/no/libtorch CXX=/no/compiler RUSTDOCFLAGS='-D warnings' cargo doc --quiet --no-deps \
        --target-dir target/docs-only --features libtorch-build/doc-only,torch-ext/doc-only,recurrent/doc-only "${packages[@]}"
}

check_rust_versions() {
    local crate version features
    for crate in "${crates[@]}"; do
        version=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "crates/$crate/Cargo.toml")
        features=()
        case $crate in libtorch-build | torch-ext | recurrent) features=(--features "$crate/doc-only") ;; esac # no C++ to compile
        step rustup toolchain install "$version" --profile minimal --no-self-update
        LIBTORCH=/no/libtorch step cargo "+$version" check --quiet --target-dir target/msrv --package "$crate" ${features[@]+"${features[@]}"}
    done
    printf 'test-package.sh: every crate compiles with its rust-version\n'
}

die() {
    printf 'test-package.sh: %s\n' "$1" >&2
    exit 1
}

main "$@"
