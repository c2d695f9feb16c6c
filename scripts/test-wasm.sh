#!/usr/bin/env bash
# Builds pt-file, rnn-kernels and rnn-runtime for WebAssembly and runs the tests of the last two. See --help.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@" # if started with sh
set -euo pipefail

usage="Usage: scripts/test-wasm.sh [TEST FILTER]

Builds pt-file, rnn-kernels and rnn-runtime for wasm32-unknown-unknown, the target of browsers, with and without SIMD. Then builds
the tests of rnn-kernels and rnn-runtime for wasm32-wasip1, whose programs have an environment and an output, and runs them under
Node.js: with SIMD (instruction sets simd128 and portable), and without. Takes about 5 minutes on two cores. Needs, on Debian:

  apt-get install nodejs
  rustup target add wasm32-unknown-unknown wasm32-wasip1"

main() {
    case ${1-} in -h | --help) printf '%s\n' "$usage" && exit ;; esac
    cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.."
    local target simd
    command -v node > /dev/null || die 'node is missing: apt-get install nodejs'
    for target in wasm32-unknown-unknown wasm32-wasip1; do
        rustup target list --installed | grep -qx "$target" || die "the target is missing: rustup target add $target"
    done
    # The workspace's wrapper of the C++ compiler checks libtorch, which these crates do not use.
    export CXX=c++ CARGO_TARGET_WASM32_WASIP1_RUNNER="node --no-warnings $PWD/scripts/wasm-runner.mjs"
    for simd in +simd128 -simd128; do
        export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS="-C target-feature=$simd" \
            CARGO_TARGET_WASM32_WASIP1_RUSTFLAGS="-C target-feature=$simd"
        printf '%s\n' "test-wasm.sh: with -C target-feature=$simd"
        cargo build --target wasm32-unknown-unknown -p pt-file -p rnn-kernels -p rnn-runtime --lib
        # --nocapture: a panic aborts the program, and captured output would be lost.
        cargo test --target wasm32-wasip1 -p rnn-kernels -p rnn-runtime --lib --tests -- --nocapture "$@"
    done
}

die() {
    printf 'test-wasm.sh: %s\n' "$1" >&2
    exit 1
}

main "$@"
