#!/usr/bin/env bash
# Runs the tests of rnn-kernels and pt-file for 64-bit ARM, under emulation. See --help.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@" # if started with sh
set -euo pipefail

usage="Usage: scripts/test-aarch64.sh [TEST FILTER]

Cross-compiles rnn-kernels and pt-file for aarch64-unknown-linux-gnu and runs their tests under qemu-aarch64, with the NEON kernels and
with the portable ones. Takes about 10 minutes on two cores. Needs, on Debian:

  apt-get install qemu-user gcc-aarch64-linux-gnu
  rustup target add aarch64-unknown-linux-gnu"

main() {
    case ${1-} in -h | --help) printf '%s\n' "$usage" && exit ;; esac
    cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.."
    local target=aarch64-unknown-linux-gnu tool
    for tool in qemu-aarch64 aarch64-linux-gnu-gcc; do
        command -v "$tool" > /dev/null || die "$tool is missing: apt-get install qemu-user gcc-aarch64-linux-gnu"
    done
    rustup target list --installed | grep -qx "$target" || die "the target is missing: rustup target add $target"
    # The workspace's wrapper of the C++ compiler checks libtorch, which these crates do not use.
    export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc CXX=c++ \
        CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER='qemu-aarch64 -L /usr/aarch64-linux-gnu'
    # pt-file's tests without those that start an aarch64 program, which this kernel cannot run; one that measures memory, which
    # would measure the emulator; and one that writes 4 GiB.
    cargo test --target "$target" -p pt-file --lib --tests -- \
        --skip cli:: --skip hostile::memory --skip a_file_beyond_4_gib "$@"
    cargo test --target "$target" -p rnn-kernels --lib --tests -- "$@"
    RNN_KERNELS=portable cargo test --target "$target" -p rnn-kernels --lib --tests -- "$@"
}

die() {
    printf 'test-aarch64.sh: %s\n' "$1" >&2
    exit 1
}

main "$@"
