#!/usr/bin/env bash
# Runs tests under Miri and the address sanitizer. See --help.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@" # if started with sh
set -euo pipefail

usage="Usage: scripts/test-sanitizers.sh [PART ..]

Runs tests under tools that find memory errors. Each PART, or all of them:

  miri      pt-file, and rnn-kernels with the portable kernels, in Miri; each crate for at most MIRI_SECONDS (600)
  kernels   rnn-kernels under the address sanitizer, once for each instruction set of this CPU
  shim      torch-ext, with its C++ compiled for the address sanitizer too, without the tests of process groups

Needs the nightly toolchain: rustup toolchain install nightly --component miri,rust-src"

target=x86_64-unknown-linux-gnu

main() {
    case ${1-} in -h | --help) printf '%s\n' "$usage" && exit ;; esac
    cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.."
    rustup component list --toolchain nightly --installed 2> /dev/null | grep -q '^miri' \
        || die 'Miri is missing: rustup toolchain install nightly --component miri,rust-src'
    local part
    [ $# -gt 0 ] || set -- miri kernels shim
    for part in "$@"; do
        case $part in
            miri | kernels | shim) "$part" ;;
            *) printf '%s\n' "$usage" >&2 && exit 2 ;;
        esac
    done
}

miri() {
    # Isolation off: the tests read the environment and the clock.
    export MIRIFLAGS='-Zmiri-disable-isolation' CXX=c++
    # Only the unit tests of pt-file: writing files needs system calls that Miri does not support. These modules parse bytes.
    timed cargo +nightly miri test --target-dir target/miri -p pt-file --lib
    timed cargo +nightly miri test --target-dir target/miri -p rnn-kernels --lib --test it
}

kernels() {
    local set
    for set in avx512 avx2 portable; do
        [ "$set" != avx512 ] || grep -qw avx512f /proc/cpuinfo || continue
        RNN_KERNELS=$set RUSTFLAGS=-Zsanitizer=address \
            cargo +nightly test --target-dir target/asan --target $target -p rnn-kernels --lib --tests
    done
}

shim() {
    # libtorch itself is not instrumented: only calls to and from it are checked. It never frees some memory, so leaks are not
    # reported. Neither mimalloc nor Python is in the process, because both have their own allocators.
    ASAN_OPTIONS=detect_leaks=0:detect_odr_violation=0 RUSTFLAGS=-Zsanitizer=address CXXFLAGS=-fsanitize=address \
        cargo +nightly test --target-dir target/asan --target $target -p torch-ext --lib --tests -- --skip dist::
}

timed() { timeout "${MIRI_SECONDS:-600}" "$@"; }

die() {
    printf 'test-sanitizers.sh: %s\n' "$1" >&2
    exit 1
}

main "$@"
